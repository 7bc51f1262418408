"""Blocking functions within the event loop of a notebook's kernel; `tests/notebooks` has a real one."""

import asyncio
import signal
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, cases, experiment
from themis.core.errors import RunningLoopError
from themis.core.evaluate import evaluate
from themis.core.python.notebook import in_a_cell, in_a_notebook
from themis.core.stores import InMemoryRunStore
from themis.core.submission import run_worker_once


def use_shell(patch: pytest.MonkeyPatch, shell: Any) -> None:
    patch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is the kernel of a notebook."""
    use_shell(monkeypatch, SimpleNamespace(kernel=object()))


def in_a_loop(function: Any) -> Any:
    """Call a function within a running event loop, as a kernel calls a cell."""

    async def program() -> Any:
        return function()

    return asyncio.run(program())


@pytest.mark.parametrize(
    "shell", [None, SimpleNamespace(), SimpleNamespace(kernel=None)], ids=["Python", "IPython", "no kernel"]
)
def test_only_the_kernel_of_a_notebook_has_cells(monkeypatch: pytest.MonkeyPatch, shell: Any) -> None:
    use_shell(monkeypatch, shell)
    assert not in_a_notebook()
    with pytest.raises(RunningLoopError, match=r"evaluate\(\) cannot run .* await evaluate_async\(\) instead"):
        in_a_loop(lambda: evaluate(ScriptedGenerator(), cases(1), []))


@pytest.mark.usefixtures("kernel")
def test_a_cell_may_evaluate_and_its_components_may_begin_a_loop_of_their_own() -> None:
    threads: list[threading.Thread] = []

    def score(*_: Any) -> float:
        threads.append(threading.current_thread())
        return asyncio.run(asyncio.sleep(0, 0.5))

    result = in_a_loop(lambda: evaluate(ScriptedGenerator(), cases(3), ScriptedMetric(score)))
    assert result.metric_means == {"lab/metric": 0.5}
    assert threading.main_thread() not in threads


@pytest.mark.usefixtures("kernel")
def test_the_other_blocking_functions_work_in_a_cell_too(tmp_path: Any) -> None:
    store = InMemoryRunStore()

    def cell() -> list[str]:
        made = experiment()
        results = [made.run(store=store), made.replay("score", store=store)]
        assert run_worker_once(tmp_path / "queue") is None
        return [result.status.value for result in results]

    assert in_a_loop(cell) == ["completed", "completed"]


@pytest.mark.usefixtures("kernel")
def test_a_loop_in_another_thread_of_a_kernel_may_not_be_blocked() -> None:
    errors: list[BaseException] = []

    def program() -> None:
        assert not in_a_cell()
        with pytest.raises(RunningLoopError) as caught:
            in_a_loop(lambda: evaluate(ScriptedGenerator(), cases(1), []))
        errors.append(caught.value)

    thread = threading.Thread(target=program)
    thread.start()
    thread.join()
    assert len(errors) == 1


@pytest.mark.usefixtures("kernel")
def test_an_interrupt_ends_the_run_in_a_cell_and_leaves_its_loop_alone() -> None:
    def answer(case: Any, _ctx: Any) -> str:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return str(case.input)

    async def program() -> str:
        with pytest.raises(KeyboardInterrupt):
            evaluate(ScriptedGenerator(answer), cases(2), ScriptedMetric())
        await asyncio.sleep(0)
        return "goes on"

    # As a kernel has it: a loop whose `run` handles the signal itself would be asked to end, too.
    with asyncio.Runner() as runner:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            assert runner.get_loop().run_until_complete(program()) == "goes on"
        finally:
            signal.signal(signal.SIGINT, before)


def test_rejudging_names_itself_within_a_running_loop() -> None:
    with pytest.raises(RunningLoopError, match=r"rejudge\(\) cannot run .* await rejudge_async\(\) instead"):
        in_a_loop(experiment().rejudge)
