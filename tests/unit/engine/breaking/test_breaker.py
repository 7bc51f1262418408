"""A run stops when its provider refuses every call, and keeps what it has."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.lab import (
    NotAResult,
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    experiment,
)
from themis.cli.main import cli
from themis.core.config import RuntimeConfig
from themis.core.errors import ProviderOutageError, RepeatedFailureError, RunStoppedError
from themis.core.models import Case, Dataset, ScoreError
from themis.core.outcomes.stages import Stage
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


@pytest.mark.few(2)
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


def job_after_one_try(tmp_path: Path, patch: pytest.MonkeyPatch, raised: str, *, cases: int = 80) -> dict[str, Any]:
    """The job of a run each of whose calls raises, once a worker has tried it, and how often the model was asked."""
    (tmp_path / "refusing.py").write_text(
        "from pathlib import Path\n"
        "from tests.unit.engine.breaking.test_breaker import RefusedError\n"
        "from themis.core.errors import MissingSecretError\n"
        "async def ask(prompt):\n"
        "    with (Path(__file__).parent / 'asked').open('a') as file:\n"
        "        file.write('x')\n"
        f"    raise {raised}\n"
    )
    patch.syspath_prepend(tmp_path)
    patch.delitem(sys.modules, "refusing", raising=False)
    config = tmp_path / "experiment.yaml"
    config.write_text(
        "generation: {generator: {use: callable, with: {target: 'refusing:ask'}}}\n"
        "evaluation: {metrics: [builtin/exact_match]}\n"
        "storage: {store: sqlite}\n"
        "runtime: {max_concurrent_tasks: 1, generation_retry_attempts: 1}\n"
        "datasets: [{dataset_id: d, cases: ["
        + ", ".join(f"{{case_id: '{n}', input: x}}" for n in range(cases))
        + "]}]\n"
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
    asked = len((tmp_path / "asked").read_text())
    return {**shown, "listed": job["state"], "asked": asked}


def test_a_job_whose_provider_refuses_waits_longer_each_time_and_is_charged_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_after_one_try(tmp_path, monkeypatch, "RefusedError(402)")
    assert (job["listed"], job["cause"], job["failures"], job["asked"]) == ("waiting", "provider", 0, 5)


@pytest.mark.few(2)
@pytest.mark.parametrize("cases", [3, 80])
@pytest.mark.parametrize(
    "raised", ["RefusedError(401)", "RefusedError(403)", "MissingSecretError(where='x', name='KEY')"]
)
def test_a_job_whose_key_is_refused_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: str, cases: int
) -> None:
    job = job_after_one_try(tmp_path, monkeypatch, raised, cases=cases)
    assert (job["listed"], job["cause"], job["asked"]) == ("failed", "authentication", min(cases, 5))
    assert "queue retry" in job["why"]


def test_a_job_whose_cases_all_fail_in_one_way_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_after_one_try(tmp_path, monkeypatch, "RuntimeError('401 Unauthorized: invalid API key')")
    assert (job["listed"], job["cause"], job["asked"]) == ("failed", "repeated failure", 50)
    said = "generation failed 50 times in a row in the same way, the last time: RuntimeError: 401 Unauthorized"
    assert said in job["why"]


def test_a_job_whose_cases_all_fail_for_a_passing_cause_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_after_one_try(tmp_path, monkeypatch, "ConnectionError('no route')")
    assert (job["listed"], job["cause"], job["failures"], job["asked"]) == ("waiting", "transient", 1, 50)


class AboutTheCaseError(Exception):
    """What a generator raises about the case itself."""

    of_case = True


def limited(**breaker: int) -> RuntimeConfig:
    facts = {"max_concurrent_tasks": 1, "generation_retry_attempts": 1, "breaker": breaker}
    return RuntimeConfig.model_validate(facts)


@pytest.mark.parametrize("failures", [None, 7])
def test_failures_of_one_kind_stop_the_run_whatever_their_cause(failures: int | None) -> None:
    generator, store = ScriptedGenerator(lambda *_: LookupError("no such row")), InMemoryRunStore()
    runtime = limited() if failures is None else limited(failures=failures)
    asked = experiment(generator, datasets=[many(1_319)], metrics=[], runtime=runtime)
    with pytest.raises(RepeatedFailureError, match=r"generation failed .* the last time: LookupError: ") as raised:
        asked.run(store=store)
    assert raised.value.exit_code == 3
    assert "finished cases are stored, and it continues" in str(raised.value)
    assert len(generator.calls) == (failures or 50)
    record = store.load_run(asked.compile().run_id)
    assert record is not None
    assert (record.status, "RepeatedFailureError" in (record.error or "")) == ("failed", True)
    assert store.count_ends(record.run_id)[0] == len(generator.calls) - 1, "what was not tried has not failed"


def test_as_many_failures_as_calls_in_flight_are_no_row_yet() -> None:
    generator = ScriptedGenerator(lambda *_: LookupError("no such row"))
    runtime = RuntimeConfig(max_concurrent_tasks=200)
    result = experiment(generator, datasets=[many(150)], metrics=[], runtime=runtime).run()
    assert (result.status, len(generator.calls)) == ("failed", 150)


def test_failures_of_several_kinds_and_those_of_the_case_itself_are_no_row() -> None:
    kinds = [LookupError("a"), ValueError("b")]
    generator = ScriptedGenerator(lambda case, _: kinds[case.input % 2])
    assert experiment(generator, datasets=[many(40)], metrics=[], runtime=limited(failures=3)).run().status == "failed"
    generator = ScriptedGenerator(lambda *_: AboutTheCaseError("too long"))
    experiment(generator, datasets=[many(40)], metrics=[], runtime=limited(failures=3)).run()
    assert len(generator.calls) == 40


@pytest.mark.parametrize("is_observed", [False, True])
@pytest.mark.parametrize("broken", ["parser", "metric", "reducer", "result"])
def test_a_broken_part_after_the_answer_stops_the_run_and_the_answers_stay(broken: str, *, is_observed: bool) -> None:
    def answer(part: str) -> Any:
        return TypeError(f"the {part} is broken") if part == broken else 1.0

    generator = ScriptedGenerator(lambda *_: NotAResult() if broken == "result" else "fine")
    parts: dict[str, Any] = {
        "reducer": ScriptedReducer(lambda *_: answer("reducer"), component_id="lab/reducer"),
        "parser": ScriptedParser(lambda *_: answer("parser"), component_id="lab/parser"),
        "metrics": [ScriptedMetric(lambda *_: answer("metric")), ScriptedMetric(component_id="lab/other")],
    }
    store = InMemoryRunStore()
    asked = experiment(generator, datasets=[many(500)], runtime=limited(failures=10), **parts)
    with pytest.raises(RepeatedFailureError, match="failed 10 times in a row") as raised:
        asked.run(store=store, subscribers=[Silent()] if is_observed else None)
    named = {"parser": "parse", "metric": "score", "reducer": "reduction", "result": "generation"}
    assert f"as {named[broken]} failed" in str(raised.value)
    assert 10 <= len(generator.calls) < 60
    if broken != "result":
        stored = store.outcomes_between(asked.compile().run_id, 0, 500)
        assert sum(outcome.ok and outcome.stage is Stage.GENERATE for outcome in stored) == len(generator.calls)


class Silent:
    """A subscriber that hears everything and says nothing."""

    def on_event(self, event: Any) -> None:
        """Hear it."""


def test_one_success_of_a_metric_ends_its_row() -> None:
    metric = ScriptedMetric(lambda _, case: 1.0 if case.input % 10 == 0 else TypeError("odd"))
    result = experiment(ScriptedGenerator(), datasets=[many(60)], metrics=[metric], runtime=limited(failures=10)).run()
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 54)


def test_a_metric_that_says_why_it_has_no_score_breaks_nothing() -> None:
    metric = ScriptedMetric(lambda *_: ScoreError(metric_id="lab/metric", reason="not mine"))
    result = experiment(ScriptedGenerator(), datasets=[many(60)], metrics=[metric], runtime=limited(failures=10)).run()
    assert result.progress.failed_cases == 60


def test_a_run_that_was_stopped_continues_when_its_part_is_mended(tmp_path: Path) -> None:
    broken = True
    generator = ScriptedGenerator()
    metric = ScriptedMetric(lambda *_: TypeError("odd") if broken else 1.0)
    path = tmp_path / "s.sqlite3"
    asked = experiment(generator, datasets=[many(200)], metrics=[metric], path=path, runtime=limited(failures=10))
    with pytest.raises(RepeatedFailureError):
        asked.run()
    broken, answered = False, len(generator.calls)
    result = asked.run()
    assert (result.status, result.progress.completed_cases) == ("completed", 200)
    assert len(generator.calls) == 200 > answered, "no answer is asked for twice"
