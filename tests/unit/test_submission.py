"""From an experiment to a job, and from a job to its result and its end."""

import asyncio
import errno
import json
import os
import re
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, cases, dataset, experiment, scores_of
from themis.core.components import plugins
from themis.core.components.provenance import themis_version
from themis.core.components.resolution import make_importable
from themis.core.config import DatasetFile, RuntimeConfig
from themis.core.contexts import GenerateContext, ScoreContext
from themis.core.engine.calls import blocking
from themis.core.errors import (
    ConfigError,
    InvalidArgumentError,
    LiveComponentError,
    QueueError,
    RunExistsError,
    RunningLoopError,
    StoreFullError,
    TagError,
)
from themis.core.experiment import Experiment
from themis.core.files import durable
from themis.core.jobs.claimed_job import JobOptions, execute_job_async
from themis.core.jobs.store_cache import StoreCache
from themis.core.models import Case, GenerationResult, ParsedOutput, Score
from themis.core.python import distributions
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.folder.processes import this_process
from themis.core.queue.model import layout
from themis.core.queue.model.states import Cause
from themis.core.results import RunResult, RunStatus
from themis.core.stores.job_rows import JobRow
from themis.core.stores.sqlite import SqliteRunStore
from themis.core.stores.sqlite.jobs import SqliteJobStore
from themis.core.submission import (
    SubmissionManifest,
    open_queue,
    run_batch_request,
    run_worker_once,
    run_worker_once_async,
    submit_experiment,
)

CALLS: list[str] = []
FACTS = {"fingerprint": "1", "fail": "", "cancel": ""}
HELD = threading.Event()


class LabGenerator:
    """Answers with the input, counts, and fails or asks for its own end as `FACTS` says."""

    component_id = "test/lab_generator"
    version = "1"

    def fingerprint(self) -> str:
        """As the test says."""
        return FACTS["fingerprint"]

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The input."""
        CALLS.append(case.case_id)
        if FACTS["cancel"]:
            queue = open_queue(FACTS["cancel"])
            queue.admin.cancel(queue.admin.list_jobs(("claimed",))[0].key)
            await asyncio.sleep(60)
        if FACTS["fail"]:
            raise ValueError(FACTS["fail"])
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)


class PatientGenerator(LabGenerator):
    """Gives way, and never answers."""

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Nothing, for a minute."""
        await asyncio.sleep(60)
        return await super().generate(case, ctx)


class StubbornMetric:
    """Never gives way, until the test is over."""

    component_id = "test/stubborn_metric"
    version = "1"

    def fingerprint(self) -> str:
        """Never changes."""
        return "1"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        """Nothing, for as long as nobody interrupts it."""
        until = time.monotonic() + 60
        while time.monotonic() < until and not HELD.is_set():
            time.sleep(0.01)
        CALLS.append("scored")
        return Score(metric_id=self.component_id, value=1.0)


class SwallowingGenerator(LabGenerator):
    """Takes its cancellation for a failed call, and answers all the same."""

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The input, after some time or when it is to stop."""
        with suppress(BaseException):
            await asyncio.sleep(0.15)
        return await super().generate(case, ctx)


class EndlessGenerator(LabGenerator):
    """Goes on whatever it is told."""

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Nothing, until the test is over."""
        while not HELD.is_set():
            with suppress(BaseException):
                await asyncio.sleep(0.01)
        return await super().generate(case, ctx)


class BlockingGenerator(LabGenerator):
    """Blocks the event loop at each case, until it is interrupted."""

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Nothing, for a minute."""
        CALLS.append(case.case_id)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(0.01)  # noqa: ASYNC251  # what users do
        return await super().generate(case, ctx)


GENERATOR = f"{__name__}:LabGenerator"
FOLDERS = ("queued", "waiting", "claimed", "done", "failed", "cancelled", "rejected")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    HELD.clear()
    for name, value in {"fingerprint": "1", "fail": "", "cancel": ""}.items():
        monkeypatch.setitem(FACTS, name, value)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))


def _experiment(
    folder: Path, *, generator: Any = GENERATOR, runtime: dict[str, Any] | None = None, **more: Any
) -> Experiment:
    made = RuntimeConfig(
        **{"queue_root": str(folder / "queue"), "batch_root": str(folder / "batch"), **(runtime or {})}
    )
    return experiment(generator, runtime=made, path=folder / "themis.sqlite3", **more)


def _submit(folder: Path, **more: Any) -> SubmissionManifest:
    return submit_experiment(_experiment(folder, **more))


def _run(folder: Path, **more: Any) -> RunResult:
    result = run_worker_once(folder / "queue", **more)
    assert result is not None
    return result


def _places(folder: Path) -> dict[str, int]:
    """How many jobs there are in each folder that holds one."""
    return {name: count for name, count in open_queue(folder / "queue").admin.counts().items() if count}


def _why(folder: Path) -> tuple[str, str]:
    """The cause and the message of the only job."""
    queue = open_queue(folder / "queue")
    row = queue.admin.show(queue.admin.list_jobs(FOLDERS[:6])[0].key).row
    return str(row.cause), str(row.message)


CONFIG = """\
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match], parsers: [builtin/json_identity]}
datasets: [{dataset_id: d, cases: [{case_id: a, input: 1, expected_output: 2}]}]
"""


def test_a_config_file_is_submitted_and_run(tmp_path: Path) -> None:
    config_path = tmp_path / "experiment.yaml"
    config_path.write_text(CONFIG, encoding="utf-8")
    made = Experiment.from_config(config_path)
    manifest = submit_experiment(made, config_path=str(config_path), mode="worker_pool")
    assert (manifest.status, manifest.mode, manifest.config_path) == ("pending", "worker_pool", str(config_path))
    assert manifest.manifest_path.parent == tmp_path / "runs" / "queue" / "queued"
    assert json.loads(manifest.manifest_path.read_text())["run_id"] == manifest.run_id == made.compile().run_id
    assert {place: target.use for place, target in manifest.execution_targets.items()} == {
        "generation.generator": "builtin/demo_generator",
        "evaluation.parsers.0": "builtin/json_identity",
        "evaluation.metrics.0": "builtin/exact_match",
    }
    result = run_worker_once(tmp_path / "runs" / "queue")
    assert result is not None
    assert (result.run_id, result.status.value, result.completed_through_stage) == (
        manifest.run_id,
        "completed",
        "score",
    )
    assert [scores_of(case) for case in result.cases] == [[1.0]]
    assert not manifest.manifest_path.exists()
    assert _places(tmp_path / "runs") == {"done": 1}
    assert run_worker_once(tmp_path / "runs" / "queue") is None


def test_submitting_twice_is_one_job(tmp_path: Path) -> None:
    first, second = _submit(tmp_path), _submit(tmp_path)
    assert (second.manifest_path, second.status) == (first.manifest_path, "pending")
    assert _places(tmp_path) == {"queued": 1}
    _run(tmp_path)
    assert _submit(tmp_path).status == "completed"
    assert run_worker_once(tmp_path / "queue") is None
    assert len(CALLS) == 3


def test_what_a_worker_cannot_reach_is_refused(tmp_path: Path) -> None:
    in_memory = experiment(GENERATOR, runtime=RuntimeConfig(queue_root=str(tmp_path / "queue")))
    with pytest.raises(ConfigError, match="'memory' cannot be reached by a worker in another process"):
        submit_experiment(in_memory)
    with pytest.raises(LiveComponentError, match=r"generation\.generator: lab/generator is a live object"):
        _submit(tmp_path, generator=ScriptedGenerator())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"mode": "cluster"}, "mode: 'cluster' is neither"), ({"not_before": datetime(2030, 1, 1)}, "has no time zone")],  # noqa: DTZ001
)
def test_an_argument_that_does_not_fit_is_refused(tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        submit_experiment(_experiment(tmp_path), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_policy_error_refuses_a_run_that_exists_but_runs_its_own_submission(tmp_path: Path) -> None:
    policy = {"existing_run_policy": "error"}
    _submit(tmp_path, runtime=policy)
    with pytest.raises(RunExistsError):
        _submit(tmp_path, runtime=policy)
    assert _run(tmp_path).status is RunStatus.COMPLETED
    with pytest.raises(RunExistsError, match="completed"):
        _submit(tmp_path, runtime=policy)
    assert _places(tmp_path) == {"done": 1}


def test_policy_rerun_generates_again(tmp_path: Path) -> None:
    _submit(tmp_path)
    first = _run(tmp_path)
    assert _submit(tmp_path, runtime={"existing_run_policy": "rerun"}).status == "pending"
    assert _places(tmp_path) == {"queued": 1}
    second = _run(tmp_path)
    assert (second.run_id, second.status) == (first.run_id, RunStatus.COMPLETED)
    assert sorted(CALLS) == ["q0", "q0", "q1", "q1", "q2", "q2"]


def test_policy_rerun_takes_nothing_over_from_other_runs(tmp_path: Path) -> None:
    _submit(tmp_path)
    _run(tmp_path)
    _submit(tmp_path, metrics=["builtin/f1"])
    _run(tmp_path)
    assert len(CALLS) == 3
    _submit(tmp_path, runtime={"existing_run_policy": "rerun"})
    _run(tmp_path)
    assert len(CALLS) == 6


@pytest.mark.parametrize(
    ("attempts", "places"), [(3, {"waiting": 1}), (1, {"failed": 1})], ids=["tried again later", "budget used up"]
)
def test_an_experiment_whose_every_case_fails_comes_back_failed(
    tmp_path: Path, attempts: int, places: dict[str, int]
) -> None:
    FACTS["fail"] = "no model today"
    _submit(tmp_path, runtime={"max_attempts": attempts})
    result = _run(tmp_path)
    assert result.status is RunStatus.FAILED
    assert result.progress.model_dump() == {"total_cases": 3, "completed_cases": 0, "failed_cases": 3}
    assert _places(tmp_path) == places
    cause, why = _why(tmp_path)
    assert cause == "exception"
    assert re.fullmatch(
        r"every case failed; the first: ValueError: no model today \(test_submission\.py:\d+ in .*\)", why
    )
    assert run_worker_once(tmp_path / "queue") is None


class BrokenMetric:
    """Raises, whatever the answer is."""

    component_id = "test/broken_metric"
    version = "1"

    def fingerprint(self) -> str:
        """Always the same."""
        return "1"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        """Nothing."""
        raise KeyError(case.case_id)


def test_an_experiment_whose_every_case_has_an_answer_but_no_score_is_done_and_not_tried_again(tmp_path: Path) -> None:
    _submit(tmp_path, metrics=[f"{__name__}:BrokenMetric"])
    result = _run(tmp_path)
    assert result.status is RunStatus.PARTIAL_FAILURE
    assert result.progress.model_dump() == {"total_cases": 3, "completed_cases": 0, "failed_cases": 3}
    assert (result.completed_through_stage, result.error) == ("score", None)
    assert _places(tmp_path) == {"done": 1}
    assert run_worker_once(tmp_path / "queue") is None
    assert len(CALLS) == 3


def test_a_failed_job_that_is_retried_succeeds(tmp_path: Path) -> None:
    FACTS["fail"] = "no model today"
    _submit(tmp_path, runtime={"max_attempts": 1})
    _run(tmp_path)
    FACTS["fail"] = ""
    queue = open_queue(tmp_path / "queue")
    queue.admin.retry(queue.admin.list_jobs(("failed",))[0].key)
    assert _run(tmp_path).status is RunStatus.COMPLETED
    assert _places(tmp_path) == {"done": 1}


def _assert_hopeless(folder: Path, words: str) -> None:
    result = _run(folder)
    assert result.status is RunStatus.FAILED
    assert words in str(result.error)
    assert _places(folder) == {"failed": 1}
    cause, message = _why(folder)
    assert cause == "configuration"
    assert words in message
    assert CALLS == []


def test_a_component_that_is_not_here_fails_at_once(tmp_path: Path) -> None:
    source = tmp_path / "passing_module.py"
    source.write_text(f"from {__name__} import LabGenerator\n", encoding="utf-8")
    make_importable(tmp_path)
    _submit(tmp_path, generator="passing_module:LabGenerator")
    source.unlink()
    del __import__("sys").modules["passing_module"]
    _assert_hopeless(tmp_path, "cannot import 'passing_module:LabGenerator'")


@pytest.mark.not_smoke
def test_a_module_that_is_not_allowed_fails_at_once(tmp_path: Path) -> None:
    _submit(tmp_path)
    result = _run(tmp_path, allow_modules=["mine"])
    assert "is not among the allowed ones" in str(result.error)
    assert _places(tmp_path) == {"failed": 1}


def test_a_changed_fingerprint_fails_at_once(tmp_path: Path) -> None:
    _submit(tmp_path)
    FACTS["fingerprint"] = "2"
    _assert_hopeless(tmp_path, "test/lab_generator has changed since the run was compiled")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.write_text(cases(1)[0].model_dump_json(), encoding="utf-8"), "have changed since the run"),
        (Path.unlink, "cases.jsonl"),
        (lambda file: file.write_text("not json\n", encoding="utf-8"), "cases.jsonl"),
    ],
    ids=["changed", "gone", "broken"],
)
def test_a_dataset_that_is_not_what_it_was_fails_at_once(tmp_path: Path, change: Any, words: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(case.model_dump_json() + "\n" for case in cases(2)), encoding="utf-8")
    _submit(tmp_path, datasets=[DatasetFile(dataset_id="d", path=str(file))])
    change(file)
    _assert_hopeless(tmp_path, words)


def test_a_run_completed_elsewhere_comes_back_without_generating(tmp_path: Path) -> None:
    direct = _experiment(tmp_path).run()
    assert len(CALLS) == 3
    assert _submit(tmp_path).status == "pending"
    queued = _run(tmp_path)
    assert (queued.run_id, queued.status) == (direct.run_id, RunStatus.COMPLETED)
    assert list(queued.cases) == list(direct.cases)
    assert len(CALLS) == 3
    assert _places(tmp_path) == {"done": 1}


def test_a_bad_file_is_rejected_and_the_next_job_runs(tmp_path: Path) -> None:
    path = _submit(tmp_path).manifest_path
    bad = path.with_name(f"0{path.name[1:]}")
    bad.write_text('{"format": 1}', encoding="utf-8")
    assert _run(tmp_path).status is RunStatus.COMPLETED
    assert _places(tmp_path) == {"done": 1, "rejected": 1}


def test_a_batch_request_runs_and_moves_to_completed(tmp_path: Path) -> None:
    manifest = submit_experiment(_experiment(tmp_path), mode="batch")
    assert (manifest.mode, manifest.status) == ("batch", "pending")
    assert manifest.manifest_path == tmp_path / "batch" / "requests" / f"{manifest.run_id}.json"
    result = run_batch_request(manifest.manifest_path)
    assert (result.run_id, result.status) == (manifest.run_id, RunStatus.COMPLETED)
    assert not manifest.manifest_path.exists()
    assert (tmp_path / "batch" / "completed" / manifest.manifest_path.name).is_file()
    assert not (tmp_path / "queue").exists()


def test_a_batch_request_that_fails_stays_to_be_run_again(tmp_path: Path) -> None:
    FACTS["fail"] = "no model today"
    path = submit_experiment(_experiment(tmp_path), mode="batch").manifest_path
    assert run_batch_request(path).status is RunStatus.FAILED
    assert path.is_file()
    FACTS["fail"] = ""
    assert run_batch_request(path).status is RunStatus.COMPLETED


def test_what_is_no_batch_request_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.json: cannot be read: No such file"):
        run_batch_request(tmp_path / "gone.json")


@pytest.mark.parametrize(("attempts", "places"), [(2, {"waiting": 1}), (1, {"failed": 1})])
def test_a_job_over_its_time_limit_is_stopped(tmp_path: Path, attempts: int, places: dict[str, int]) -> None:
    limits = {"timeout_s": 0.2, "max_attempts": attempts}
    _submit(tmp_path, generator=f"{__name__}:PatientGenerator", runtime=limits)
    assert _run(tmp_path).status is RunStatus.FAILED
    assert _why(tmp_path) == ("time limit", "the time limit of 0.2 s is over")
    assert _places(tmp_path) == places


def test_the_time_limit_holds_for_a_metric_that_never_gives_way(tmp_path: Path) -> None:
    limits = {"timeout_s": 0.2, "max_attempts": 1}
    _submit(tmp_path, metrics=[f"{__name__}:StubbornMetric"], datasets=[dataset(1)], runtime=limits)
    try:
        assert _run(tmp_path).status is RunStatus.FAILED
    finally:
        HELD.set()
    assert CALLS == ["q0"]
    assert _why(tmp_path) == ("time limit", "the time limit of 0.2 s is over")
    assert _places(tmp_path) == {"failed": 1}


def test_the_time_limit_holds_for_many_cases_that_each_never_give_way(tmp_path: Path) -> None:
    limits = {"timeout_s": 0.2, "max_attempts": 1}
    _submit(tmp_path, generator=f"{__name__}:BlockingGenerator", datasets=[dataset(6)], runtime=limits)
    began_s = time.monotonic()
    assert _run(tmp_path).status is RunStatus.FAILED
    assert time.monotonic() - began_s < 20
    assert _why(tmp_path) == ("time limit", "the time limit of 0.2 s is over")
    assert _places(tmp_path) == {"failed": 1}


@pytest.mark.not_smoke
@pytest.mark.parametrize("name", ["SwallowingGenerator", "EndlessGenerator"])
@pytest.mark.parametrize(("attempts", "places"), [(2, {"waiting": 1}), (1, {"failed": 1})])
def test_a_component_that_will_not_be_stopped_is_charged_with_the_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, attempts: int, places: dict[str, int]
) -> None:
    monkeypatch.setattr(blocking, "LAST_WORD_S", 0.3)
    limits = {"timeout_s": 0.2, "max_attempts": attempts, "max_concurrent_tasks": 1}
    _submit(tmp_path, generator=f"{__name__}:{name}", datasets=[dataset(1_000)], runtime=limits)
    assert _run(tmp_path).status is RunStatus.FAILED
    assert len(CALLS) < 4
    assert _why(tmp_path) == ("time limit", "the time limit of 0.2 s is over")
    assert _places(tmp_path) == places
    HELD.set()


@pytest.mark.not_smoke
def test_a_batch_request_whose_component_will_not_be_stopped_comes_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "LAST_WORD_S", 0.3)
    made = _experiment(tmp_path, generator=f"{__name__}:EndlessGenerator", runtime={"timeout_s": 0.2})
    request = submit_experiment(made, mode="batch").manifest_path
    assert run_batch_request(request).status is RunStatus.FAILED
    assert request.is_file()
    HELD.set()


def test_a_worker_among_other_work_leaves_the_loop_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "LAST_WORD_S", 0.3)
    _submit(tmp_path, generator=f"{__name__}:EndlessGenerator", runtime={"timeout_s": 0.2, "max_attempts": 1})

    async def program() -> RunStatus:
        result = await run_worker_once_async(tmp_path / "queue")
        HELD.set()
        await asyncio.sleep(0.1)
        assert result is not None
        return result.status

    assert asyncio.run(program()) is RunStatus.FAILED
    assert _why(tmp_path)[0] == "time limit"


def test_whoever_owns_the_process_may_keep_the_time_limit_himself(tmp_path: Path) -> None:
    limits = {"timeout_s": 0.01, "max_attempts": 1}
    _submit(tmp_path, generator=f"{__name__}:SwallowingGenerator", datasets=[dataset(2)], runtime=limits)
    stores = StoreCache()
    queue = FileQueue(tmp_path / "queue", stores)
    claim = queue.claim(this_process()).claim
    assert claim is not None
    store = stores.run_store(claim.manifest.store)
    outcome = asyncio.run(execute_job_async(claim.manifest, store, JobOptions(enforce_time_limit=False)))
    assert outcome.cause is Cause.DONE
    claim.settle(outcome)
    stores.close()
    assert sorted(CALLS) == ["q0", "q1"]


def test_a_job_that_is_cancelled_while_it_runs_ends_cancelled(tmp_path: Path) -> None:
    FACTS["cancel"] = str(tmp_path / "queue")
    _submit(tmp_path, datasets=None)
    result = _run(tmp_path)
    assert _why(tmp_path)[0] == "cancelled"
    assert _places(tmp_path) == {"cancelled": 1}
    assert result.progress.completed_cases == 0


def _row(folder: Path, manifest: SubmissionManifest) -> JobRow:
    key = layout.parse(manifest.manifest_path.parent.name, manifest.manifest_path.name)
    assert key is not None
    return open_queue(folder / "queue").admin.show(key.key).row


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_nothing_is_claimed_while_the_queue_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    manifest = _submit(tmp_path)

    def fail(path: str, data: bytes) -> None:
        raise OSError(code, os.strerror(code), path)

    with monkeypatch.context() as broken:
        broken.setattr(durable, "write_synced", fail)
        with pytest.raises(QueueError, match=f"cannot be written: {os.strerror(code)}") as why:
            run_worker_once(tmp_path / "queue")
        assert why.value.exit_code == 4
    row = _row(tmp_path, manifest)
    assert (row.state, row.attempt, row.version) == ("queued", 0, 1)
    assert _run(tmp_path).status is RunStatus.COMPLETED


def test_a_job_whose_store_cannot_be_written_is_left_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = _submit(tmp_path)
    other = experiment(
        GENERATOR, runtime=RuntimeConfig(queue_root=str(tmp_path / "queue")), path=tmp_path / "other.sqlite3"
    )
    submit_experiment(other)
    probe = SqliteJobStore.probe

    def fail(store: SqliteJobStore) -> None:
        if store._database.path.name == "themis.sqlite3":
            raise StoreFullError(path=store._database.path, detail="as the test says")
        probe(store)

    with monkeypatch.context() as broken:
        broken.setattr(SqliteJobStore, "probe", fail)
        assert _run(tmp_path).status is RunStatus.COMPLETED
        assert run_worker_once(tmp_path / "queue") is None
    assert _places(tmp_path) == {"queued": 1, "done": 1}
    assert "skipped: " in caplog.text
    assert "the disk is full, or a quota is used up (as the test says)" in caplog.text
    assert _row(tmp_path, full).attempt == 0
    assert _run(tmp_path).status is RunStatus.COMPLETED
    assert _places(tmp_path) == {"done": 2}


def test_after_an_outage_nothing_is_claimed_until_the_store_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _submit(tmp_path)
    with monkeypatch.context() as broken:

        def fail(store: SqliteJobStore) -> None:
            raise StoreFullError(path=tmp_path, detail="as the test says")

        def fill_up(*_: object, **__: object) -> None:
            broken.setattr(SqliteJobStore, "probe", fail)
            raise StoreFullError(path=tmp_path, detail="as the test says")

        broken.setattr(SqliteRunStore, "append", fill_up)
        run_worker_once(tmp_path / "queue")
        assert (_row(tmp_path, manifest).cause, _row(tmp_path, manifest).attempt) == (Cause.OUTAGE, 1)
        for _ in range(5):
            assert run_worker_once(tmp_path / "queue") is None
        assert (_row(tmp_path, manifest).state, _row(tmp_path, manifest).attempt) == ("queued", 1)
    assert _run(tmp_path).status is RunStatus.COMPLETED
    assert (_row(tmp_path, manifest).failures, _row(tmp_path, manifest).attempt) == (0, 2)


def test_a_job_of_the_future_waits(tmp_path: Path) -> None:
    manifest = submit_experiment(_experiment(tmp_path), not_before=datetime.now(UTC) + timedelta(hours=1))
    assert manifest.manifest_path.parent.name == "waiting"
    assert run_worker_once(tmp_path / "queue") is None
    assert _places(tmp_path) == {"waiting": 1}


def test_a_job_of_the_past_runs_at_once(tmp_path: Path) -> None:
    submit_experiment(_experiment(tmp_path), not_before=datetime.now(UTC) - timedelta(hours=1))
    assert _run(tmp_path).status is RunStatus.COMPLETED


def test_the_first_priority_runs_first(tmp_path: Path) -> None:
    submit_experiment(_experiment(tmp_path), priority=5)
    urgent = submit_experiment(_experiment(tmp_path, samples=2), priority=0)
    assert _run(tmp_path).run_id == urgent.run_id


def test_a_worker_takes_only_what_its_tags_allow(tmp_path: Path) -> None:
    manifest = submit_experiment(_experiment(tmp_path, runtime={"tags": ["gpu"]}), tags=["big", "gpu"])
    written = json.loads(manifest.manifest_path.read_text())
    assert written["tags"] == ["big", "gpu"]
    assert "tags" not in written["payload"].get("runtime", {})
    assert run_worker_once(tmp_path / "queue") is None
    assert run_worker_once(tmp_path / "queue", tags=["gpu"]) is None
    assert _places(tmp_path) == {"queued": 1}
    assert _run(tmp_path, tags=["gpu", "big"]).status is RunStatus.COMPLETED


def test_tags_change_nothing_of_what_a_run_is(tmp_path: Path) -> None:
    plain, tagged = _experiment(tmp_path), _experiment(tmp_path, runtime={"tags": ["gpu"], "environment": {"A": "b"}})
    assert plain.compile().run_id == tagged.compile().run_id


def test_what_is_no_tag_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(TagError, match="'GPU' is not a tag"):
        submit_experiment(_experiment(tmp_path), tags=["GPU"])
    with pytest.raises(TagError, match="a list of texts, not the text 'gpu'"):
        submit_experiment(_experiment(tmp_path), tags="gpu")
    with pytest.raises(TagError):
        run_worker_once(tmp_path / "queue", tags=["a b"])
    assert list(tmp_path.iterdir()) == []


def _made_by_another_version(folder: Path) -> str:
    """Submit a job, as an older version of the library would have; returns its key."""
    path = _submit(folder).manifest_path
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": "3.9"}))
    return open_queue(folder / "queue").admin.list_jobs(("queued",))[0].key


def test_a_job_of_another_version_is_run_and_says_so_in_log_journal_and_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = _made_by_another_version(tmp_path)
    assert _run(tmp_path).status is RunStatus.COMPLETED
    line = f"job {key} was submitted with themis-eval 3.9 (here {themis_version()}); it is run anyway"
    assert [record.getMessage() for record in caplog.records if record.name == "themis.worker"] == [line]
    details = open_queue(tmp_path / "queue").admin.show(key)
    assert [entry["why"] for entry in details.journal if entry["move"] == "remark"] == [line]
    assert [path.read_text() for path in details.logs] == [f"themis: {line}\n"]
    assert details.logs[0].stat().st_mode & 0o077 == 0


def test_a_job_of_another_version_is_left_by_a_worker_that_refuses(tmp_path: Path) -> None:
    _made_by_another_version(tmp_path)
    assert run_worker_once(tmp_path / "queue", version_mismatch="refuse") is None
    assert _places(tmp_path) == {"queued": 1}
    assert CALLS == []
    with pytest.raises(InvalidArgumentError, match="'never' is neither run nor refuse"):
        run_worker_once(tmp_path / "queue", version_mismatch="never")  # type: ignore[arg-type]


def test_a_job_of_the_same_versions_has_nothing_said_about_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _submit(tmp_path)
    assert _run(tmp_path, version_mismatch="refuse").status is RunStatus.COMPLETED
    assert not [record for record in caplog.records if record.name == "themis.worker"]
    assert list((tmp_path / "queue" / "logs").iterdir()) == []


@pytest.mark.not_smoke
def test_a_manifest_names_the_distributions_that_its_components_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site"
    (installed / "acme_evals-2.5.dist-info").mkdir(parents=True)
    info = installed / "acme_evals-2.5.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-evals\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text("[themis.components]\nacme/away = acme_evals:Generator\n")
    (info / "top_level.txt").write_text("acme_evals\n")
    (info / "RECORD").write_text("acme_evals.py,,\n")
    (installed / "acme_evals.py").write_text(AWAY)
    monkeypatch.syspath_prepend(str(installed))
    for cache in (plugins._read, distributions.distributions_of, distributions.installed_version):
        cache.cache_clear()
    try:
        for number, use in enumerate(("acme/away", "acme_evals:Generator", GENERATOR)):
            written = json.loads(_submit(tmp_path / str(number), generator=use).manifest_path.read_text())
            assert written["distributions"].get("acme-evals") == ("2.5" if "acme" in use else None)
    finally:
        for cache in (plugins._read, distributions.distributions_of, distributions.installed_version):
            cache.cache_clear()


@pytest.mark.not_smoke
def test_what_a_later_version_adds_to_a_payload_is_not_looked_at(tmp_path: Path) -> None:
    path = _submit(tmp_path).manifest_path
    document = json.loads(path.read_text())
    document["payload"] |= {"later": 1, "runtime": document["payload"]["runtime"] | {"also_later": {"a": "b"}}}
    path.write_text(json.dumps(document))
    assert _run(tmp_path).status is RunStatus.COMPLETED


def test_inside_a_running_loop_the_async_form_is_needed(tmp_path: Path) -> None:
    _submit(tmp_path)

    async def program() -> RunResult | None:
        with pytest.raises(RunningLoopError, match="await run_worker_once_async"):
            run_worker_once(tmp_path / "queue")
        assert _places(tmp_path) == {"queued": 1}
        return await run_worker_once_async(tmp_path / "queue")

    result = asyncio.run(program())
    assert result is not None
    assert result.status is RunStatus.COMPLETED


def test_a_queue_without_jobs_gives_none_and_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run_worker_once(tmp_path / "empty") is None
    assert run_worker_once(tmp_path / "missing") is None
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


AWAY = """
from themis.core.models import GenerationResult

class Generator:
    component_id = "test/away"
    version = "1"
    def fingerprint(self): return "1"
    async def generate(self, case, ctx): return GenerationResult(candidate_id="c", final_output=case.input)
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("raise ValueError('half \\ud83d')", "ValueError: half"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (AWAY.replace("    version", "    def __init__(self): raise SystemExit(4)\n    version"), "SystemExit: 4"),
        (AWAY.replace('return "1"', "raise ValueError('half \\ud83d')"), "ValueError: half"),
        (AWAY.replace('return "1"', "raise SystemExit(5)"), "SystemExit: 5"),
    ],
    ids=["half a character", "exit on import", "exit when made", "half a fingerprint", "exit when asked"],
)
def test_what_a_component_does_at_the_worker_ends_its_job_and_not_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, words: str
) -> None:
    name = f"away_{tmp_path.name}"
    module = tmp_path / f"{name}.py"
    module.write_text(AWAY)
    monkeypatch.syspath_prepend(str(tmp_path))
    _submit(tmp_path, generator=f"{name}:Generator")
    module.write_text(change + "\n# longer than before, so that no cached bytes of it are taken\n" * 9)
    monkeypatch.delitem(sys.modules, name)
    result = _run(tmp_path)
    assert result.status is RunStatus.FAILED
    assert result.error is not None
    assert words in result.error
    assert _places(tmp_path) == {"failed": 1}
    assert run_worker_once(tmp_path / "queue") is None


def test_a_metric_that_wants_to_end_the_process_does_not_end_the_worker(tmp_path: Path) -> None:
    _submit(tmp_path, metrics=[f"{__name__}:ExitingMetric"])
    result = _run(tmp_path)
    assert result.status is RunStatus.PARTIAL_FAILURE
    assert {case.evaluation_failures["test/exiting_metric"].error_type for case in result.cases} == {"SystemExit"}
    assert _places(tmp_path) == {"done": 1}


class ExitingMetric(StubbornMetric):
    """Wants to end the process."""

    component_id = "test/exiting_metric"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        """Never."""
        raise SystemExit


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("mode", ["worker_pool", "batch"])
def test_a_path_that_is_not_utf_8_is_refused_in_one_line(tmp_path: Path, mode: Any) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    config = folder / "experiment.yaml"
    config.write_text(
        "generation: {generator: builtin/demo_generator}\nevaluation: {metrics: [builtin/exact_match]}\n"
        "datasets: [{dataset_id: d, cases: [{case_id: a, input: x}]}]\n"
    )
    with pytest.raises(ConfigError) as caught:
        submit_experiment(Experiment.from_config(config), config_path=config, mode=mode)
    assert str(caught.value) == (
        f"{tmp_path}/caf\ufffd/experiment.yaml: the path is not UTF-8 text, so a job cannot name it; rename the folder,"
        " or use themis run"
    )
    assert not (folder / "runs").exists()
