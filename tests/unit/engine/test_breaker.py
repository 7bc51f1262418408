"""A run stops when its provider refuses every call, and keeps what it has."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.lab import ScriptedGenerator, ScriptedMetric, experiment
from themis.cli.main import cli
from themis.core.config import RuntimeConfig
from themis.core.errors import ProviderOutageError, RunStoppedError
from themis.core.models import Case, Dataset
from themis.core.stores import InMemoryRunStore
from themis.core.submission import run_worker_once


class RefusedError(Exception):
    """What a user's own generator raises, with the status of a reply."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"status {status_code}")
        self.status_code = status_code


class UnsupportedError(Exception):
    """A fault of the experiment itself."""

    stops_run = True


def many(count: int) -> Dataset:
    return Dataset(dataset_id="many", cases=[Case(case_id=str(no), input=no) for no in range(count)])


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_failures_that_will_repeat_stop_the_run_after_five_in_a_row(status: int) -> None:
    generator, store = ScriptedGenerator(lambda *_: RefusedError(status)), InMemoryRunStore()
    asked = experiment(generator, datasets=[many(10_000)], metrics=[])
    with pytest.raises(ProviderOutageError, match=f"5 failures in a row, the last one: status {status}") as raised:
        asked.run(store=store)
    assert raised.value.exit_code == 4
    assert len(generator.calls) <= 50
    assert store.load_run(asked.compile().run_id).status == "failed"  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [400, 422, 500])
def test_failures_of_single_cases_do_not(status: int) -> None:
    generator = ScriptedGenerator(lambda *_: RefusedError(status))
    runtime = RuntimeConfig(generation_retry_attempts=1)
    result = experiment(generator, datasets=[many(40)], metrics=[], runtime=runtime).run()
    assert result.status == "failed"
    assert len(generator.calls) == 40


def test_an_error_whose_attributes_cannot_be_read_fails_its_case_alone() -> None:
    class OddError(Exception):
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    result = experiment(ScriptedGenerator(lambda *_: OddError("odd")), datasets=[many(10)], metrics=[]).run()
    assert (result.status, result.progress.failed_cases) == ("failed", 10)


def test_a_success_between_them_starts_the_count_over() -> None:
    generator = ScriptedGenerator(lambda case, _: "fine" if case.input % 4 == 0 else RefusedError(403))
    result = experiment(generator, datasets=[many(40)], metrics=[], runtime=RuntimeConfig(max_concurrent_tasks=1)).run()
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 30)


def test_the_number_is_the_users() -> None:
    generator = ScriptedGenerator(lambda *_: RefusedError(401))
    runtime = RuntimeConfig.model_validate({"breaker": {"failures": 2}, "max_concurrent_tasks": 1})
    with pytest.raises(ProviderOutageError, match="after 2 failures"):
        experiment(generator, datasets=[many(100)], metrics=[], runtime=runtime).run()
    assert len(generator.calls) == 2


def test_what_was_finished_stays_and_the_run_continues_when_it_is_started_again(tmp_path: Path) -> None:
    refused = True
    generator = ScriptedGenerator(lambda case, _: RefusedError(401) if refused and case.input >= 20 else case.input)
    runtime = RuntimeConfig(max_concurrent_tasks=1)
    path, metrics = tmp_path / "s.sqlite3", [ScriptedMetric()]
    asked = experiment(generator, datasets=[many(60)], metrics=metrics, path=path, runtime=runtime)
    with pytest.raises(ProviderOutageError):
        asked.run()
    refused = False
    generator.calls.clear()
    result = asked.run()
    assert (result.status, result.progress.completed_cases) == ("completed", 60)
    assert len(generator.calls) == 40  # the 20 that were answered are not asked again


def test_a_fault_of_the_experiment_stops_it_at_once_as_bad_input() -> None:
    generator = ScriptedGenerator(lambda *_: UnsupportedError("temperature is not supported"))
    runtime = RuntimeConfig(max_concurrent_tasks=1)
    with pytest.raises(RunStoppedError, match="temperature is not supported") as raised:
        experiment(generator, datasets=[many(100)], metrics=[], runtime=runtime).run()
    assert raised.value.exit_code == 2
    assert len(generator.calls) == 1


def test_a_job_whose_provider_refuses_waits_longer_each_time_and_is_charged_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "refusing.py").write_text(
        "from tests.unit.engine.test_breaker import RefusedError\nasync def ask(prompt):\n    raise RefusedError(401)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = tmp_path / "experiment.yaml"
    config.write_text(
        "generation: {generator: {use: callable, with: {target: 'refusing:ask'}}}\n"
        "evaluation: {metrics: [builtin/exact_match]}\n"
        "storage: {store: sqlite}\n"
        "datasets: [{dataset_id: d, cases: [" + ", ".join(f"{{case_id: '{n}', input: x}}" for n in range(30)) + "]}]\n"
    )
    queue = tmp_path / "runs" / "queue"

    def run(*words: str) -> Any:
        done = CliRunner().invoke(cli, [*words, "--json"] if words[0] == "queue" else list(words))
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    run("submit", "--config", str(config), "--mode", "worker-pool")
    run_worker_once(queue)
    (job,) = run("queue", "list", "--queue-root", str(queue))["jobs"]
    shown = run("queue", "show", job["key"], "--queue-root", str(queue))
    assert (job["state"], shown["cause"], shown["failures"]) == ("waiting", "provider", 0)
