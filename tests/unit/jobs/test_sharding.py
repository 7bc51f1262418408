"""Runs in several jobs: submitted, carried out shard by shard, and ended once."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import dataset, experiment
from themis.core import submission
from themis.core.config import RuntimeConfig
from themis.core.contexts import GenerateContext, ScoreContext
from themis.core.cost.spend import read_spend
from themis.core.errors import InvalidArgumentError, OtherShardsError, RunExistsError
from themis.core.experiment import Experiment
from themis.core.jobs.prepared_job import PreparedJob
from themis.core.jobs.sharding import jobs_of_shards
from themis.core.models import Case, GenerationResult, ParsedOutput, Score
from themis.core.queue.model.queue_place import Place
from themis.core.queue.port import Queue
from themis.core.queue.transitions import bulk_submitting
from themis.core.queue.transitions.new_job import Submission
from themis.core.queue.transitions.submitting import Submitter
from themis.core.results import RunStatus
from themis.core.stores import RunStore, sqlite_store
from themis.core.submission import SubmissionManifest, open_queue, run_worker_once, submit_experiment

CALLS: list[str] = []
FAIL: dict[str, str] = {}


class ShardedGenerator:
    """Answers with the input, counts, and fails where `FAIL` says so."""

    component_id = "test/sharded_generator"
    version = "1"
    provider_key = "lab:sharded"
    model_id = "sharded"

    def fingerprint(self) -> str:
        """Never changes."""
        return "1"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The input."""
        CALLS.append(case.case_id)
        if case.case_id in FAIL:
            raise ValueError(FAIL[case.case_id])
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)


class SummedMetric:
    """Scores with the length of the output, and sums all scores up."""

    component_id = "test/summed_metric"
    version = "1"

    def fingerprint(self) -> str:
        """Never changes."""
        return "1"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        """The length."""
        return Score(metric_id=self.component_id, value=float(len(str(parsed.value))))

    def aggregate(self, scores: list[Score]) -> dict[str, float]:
        """The sum."""
        return {"sum": sum(score.value for score in scores)}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    CALLS.clear()
    FAIL.clear()


def made(folder: Path, cases: int = 20, **runtime: Any) -> Experiment:
    settings = RuntimeConfig(**{"queue_root": str(folder / "queue"), "generation_retry_attempts": 1, **runtime})
    return experiment(
        f"{__name__}:ShardedGenerator",
        metrics=[f"{__name__}:SummedMetric"],
        datasets=[dataset(cases)],
        runtime=settings,
        path=folder / "themis.sqlite3",
    )


def submitted(folder: Path, shards: int, **more: Any) -> SubmissionManifest:
    return submit_experiment(made(folder, **more), shards=shards)


def run_all(folder: Path) -> list[RunStatus]:
    """Run jobs until none is ready; returns the status of the run after each."""
    found = []
    while (result := run_worker_once(folder / "queue")) is not None:
        found.append(result.status)
    return found


def rows_of(store: RunStore, run_id: str) -> list[Any]:
    """What a run left of each case, without the times."""
    outcomes = [outcome._replace(finished_ms=0) for outcome in store.outcomes_between(run_id, 0, 10_000)]
    return [*outcomes, *store.ends_between(run_id, 0, 10_000)]


def test_a_run_in_shards_leaves_the_rows_of_one_in_a_single_job(tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    whole = submitted(alone, 1)
    assert (whole.shards, run_all(alone)) == (None, [RunStatus.COMPLETED])
    manifest = submitted(shared, 6)
    assert (manifest.shards, manifest.status, manifest.run_id) == (6, "pending", whole.run_id)
    assert manifest.manifest_path.name.endswith(".s001of006.json")
    CALLS.clear()
    assert run_all(shared) == [RunStatus.PENDING] * 5 + [RunStatus.COMPLETED]
    assert len(CALLS) == len(set(CALLS)) == 20
    first, second = sqlite_store(alone / "themis.sqlite3"), sqlite_store(shared / "themis.sqlite3")
    assert rows_of(first, whole.run_id) == rows_of(second, whole.run_id)
    assert first.aggregates(whole.run_id) == second.aggregates(whole.run_id) != {}
    records = [store.load_run(whole.run_id) for store in (first, second)]
    assert [record and (record.status, record.completed_through, record.error) for record in records] == [
        (RunStatus.COMPLETED, "score", None)
    ] * 2


def test_the_same_shards_submitted_again_are_the_same_jobs(tmp_path: Path) -> None:
    submitted(tmp_path, 4)
    run_worker_once(tmp_path / "queue")
    again = submitted(tmp_path, 4)
    assert again.status == "pending"
    assert run_all(tmp_path)[-1] is RunStatus.COMPLETED
    assert submitted(tmp_path, 4).status == "completed"
    assert run_all(tmp_path) == []
    assert len(CALLS) == 20


@pytest.mark.parametrize(("first", "second"), [(4, 8), (4, 1), (1, 4)])
def test_a_run_that_is_under_way_is_refused_in_another_number_of_jobs(tmp_path: Path, first: int, second: int) -> None:
    submitted(tmp_path, first)
    run_worker_once(tmp_path / "queue") if first > 1 else None
    with pytest.raises(OtherShardsError, match="cannot be submitted with shards"):
        submitted(tmp_path, second)
    assert run_all(tmp_path)[-1] is RunStatus.COMPLETED


def test_a_run_that_has_ended_may_be_submitted_in_another_number_of_jobs(tmp_path: Path) -> None:
    FAIL["q3"] = "not today"
    submitted(tmp_path, 4)
    assert run_all(tmp_path)[-1] is RunStatus.PARTIAL_FAILURE
    FAIL.clear()
    CALLS.clear()
    assert submitted(tmp_path, 5).status == "pending"
    assert run_all(tmp_path)[-1] is RunStatus.COMPLETED
    assert CALLS == ["q3"]
    # The shards of before are jobs of the run again.
    assert submitted(tmp_path, 4).status == "pending"
    assert run_all(tmp_path)[-1] is RunStatus.COMPLETED
    assert CALLS == ["q3"]


def test_a_rerun_starts_all_shards_from_scratch(tmp_path: Path) -> None:
    run_id = submitted(tmp_path, 4).run_id
    run_all(tmp_path)
    assert submitted(tmp_path, 4, existing_run_policy="rerun").status == "pending"
    record = sqlite_store(tmp_path / "themis.sqlite3").load_run(run_id)
    assert record is not None
    assert record.status is RunStatus.PENDING
    assert run_all(tmp_path) == [RunStatus.PENDING] * 3 + [RunStatus.COMPLETED]
    assert len(CALLS) == 40


def test_an_existing_run_is_refused_if_its_policy_says_so(tmp_path: Path) -> None:
    submitted(tmp_path, 4, existing_run_policy="error")
    with pytest.raises(RunExistsError):
        submitted(tmp_path, 4, existing_run_policy="error")
    assert len(open_queue(tmp_path / "queue").admin.select()) == 4


@pytest.mark.parametrize(
    ("shards", "cases", "why"), [(0, 3, "not 1 to 999"), (1000, 2000, "not 1 to 999"), (4, 3, "more than the 3 cases")]
)
def test_a_number_of_shards_that_a_run_cannot_have_is_refused(
    tmp_path: Path, shards: int, cases: int, why: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        submitted(tmp_path, shards, cases=cases)
    assert not (tmp_path / "queue").exists()


def test_a_batch_is_not_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgumentError, match="a batch request is one job"):
        submit_experiment(made(tmp_path), shards=2, mode="batch")
    monkeypatch.setattr("themis.core.experiment.endpoint_of", lambda *_, **__: None)
    with pytest.raises(InvalidArgumentError, match=r"runtime\.batch asks"):
        submitted(tmp_path, 2, batch={"after": 10})


def test_a_failed_case_of_one_shard_is_a_failed_case_of_the_run(tmp_path: Path) -> None:
    for number in range(5):  # all cases of the first shard
        FAIL[f"q{number}"] = "no answer"
    run_id = submitted(tmp_path, 4).run_id
    assert run_all(tmp_path)[-1] is RunStatus.PARTIAL_FAILURE
    states = {row.state for row in open_queue(tmp_path / "queue").admin.select()}
    assert states == {"done"}
    assert sqlite_store(tmp_path / "themis.sqlite3").count_ends(run_id) == (20, 5)


def test_the_share_of_failed_cases_counts_over_all_shards(tmp_path: Path) -> None:
    for number in (1, 8, 15):
        FAIL[f"q{number}"] = "no answer"
    run_id = submitted(tmp_path, 4, max_failed_share=0.1).run_id
    assert run_all(tmp_path)[-1] is RunStatus.FAILED
    record = sqlite_store(tmp_path / "themis.sqlite3").load_run(run_id)
    assert record is not None
    assert "3 of 20 cases failed, more than runtime.max_failed_share" in str(record.error)
    assert sorted(row.state for row in open_queue(tmp_path / "queue").admin.select()) == ["done"] * 3 + ["failed"]


def test_the_share_of_failed_cases_of_one_shard_does_not_count_alone(tmp_path: Path) -> None:
    FAIL["q1"] = "no answer"
    submitted(tmp_path, 4, max_failed_share=0.1)
    assert run_all(tmp_path)[-1] is RunStatus.PARTIAL_FAILURE


def test_each_shard_keeps_a_spend_of_its_own(tmp_path: Path) -> None:
    run_id = submitted(tmp_path, 4).run_id
    run_all(tmp_path)
    store = sqlite_store(tmp_path / "themis.sqlite3")
    spends = [read_spend(text) for text in store.spends(run_id).values()]
    assert sum(calls for spend in spends for calls, _ in spend.groups.values()) == 20
    assert len(spends) == 4
    assert all(spend.has_ended for spend in spends)


def test_a_submission_that_died_half_way_leaves_a_run_that_is_not_over_until_it_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_batch_only(found: PreparedJob, shards: int, queue: Queue, place: Place) -> SubmissionManifest:
        del place
        next(iter(queue.submit_all(jobs_of_shards(found, shards))))
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk_submitting, "MOST_AT_ONCE", 3)
    with monkeypatch.context() as patch:
        patch.setattr(submission, "_in_shards", first_batch_only)
        with pytest.raises(KeyboardInterrupt):
            submitted(tmp_path, 8)
    assert len(open_queue(tmp_path / "queue").admin.select()) == 3
    run_all(tmp_path)
    record = sqlite_store(tmp_path / "themis.sqlite3").load_run(made(tmp_path).compile().run_id)
    assert record is not None
    assert (record.status, record.ended_ms) == (RunStatus.RUNNING, None)
    assert submitted(tmp_path, 8).shards == 8
    assert run_all(tmp_path)[-1] is RunStatus.COMPLETED
    assert len(CALLS) == len(set(CALLS)) == 20


def test_a_rerun_that_died_half_way_is_finished_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submitted(tmp_path, 4).run_id
    run_all(tmp_path)
    CALLS.clear()
    calls = iter(range(100))
    queue_again = Submitter._rerun

    def dies_at_the_third(self: Submitter, *given: Any) -> Submission:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return queue_again(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Submitter, "_rerun", dies_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            submitted(tmp_path, 4, existing_run_policy="rerun")
    run_all(tmp_path)
    record = sqlite_store(tmp_path / "themis.sqlite3").load_run(run_id)
    assert record is not None
    assert record.ended_ms is None
    submitted(tmp_path, 4)
    assert run_all(tmp_path)[-1] is RunStatus.COMPLETED
    assert len(CALLS) == len(set(CALLS)) == 20
