"""A named benchmark run by one call, blocking or not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lab import experiment
from themis.catalog import run, run_async, running
from themis.core.engine.run_options import RunProgress
from themis.core.errors import RunningLoopError
from themis.core.stores import InMemoryRunStore


@pytest.fixture(autouse=True)
def benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark with three cases, whatever it is called."""

    def found(_name: str) -> Any:
        return SimpleNamespace(build_experiment=lambda model, storage: experiment())

    monkeypatch.setattr(running, "runnable_benchmark", found)


def test_both_forms_give_the_same_and_keep_it_where_they_are_told() -> None:
    store, progress = InMemoryRunStore(), RunProgress()
    result = run("any", store=store, progress=progress)
    assert (result.progress.completed_cases, progress.total, progress.done) == (3, 3, 3)
    again = RunProgress()
    assert asyncio.run(run_async("any", store=store, progress=again)) == result
    assert again.total == 0, "nothing was run again"


def test_the_blocking_form_names_the_other_within_a_running_loop() -> None:
    async def program() -> None:
        run("any")

    with pytest.raises(RunningLoopError, match=r"run\(\) cannot run .* await run_async\(\) instead"):
        asyncio.run(program())
