"""What every kind of store's reader tells those who only look: the same as the store tells those who work with it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from tests.support.stores import PERSISTENT, third_kind
from themis.core.config import RuntimeConfig
from themis.core.errors import StoreError
from themis.core.experiment import Experiment
from themis.core.monitor.run_outline import outline_of
from themis.core.outcomes.failure_groups import failure_groups
from themis.core.queue.folder.root import open_root
from themis.core.stores import RunStore, create_run_store
from themis.core.stores.job_rows import job_key
from themis.core.stores.reading import RunRow, StoreReader
from themis.core.stores.registry import location_of, reader_of
from themis.core.submission import run_worker_once, submit_experiment
from themis.core.text.run_names import labels_in


@dataclass(frozen=True)
class Lab:
    """A store with two runs that were in no queue, one of them with failed cases, and three of a queue; and its reader.

    Of those of the queue two are done, and one is queued.
    """

    store: RunStore
    reader: StoreReader
    queue_id: str
    alone: str
    failing: str
    submitted: list[str]

    def key(self, run_id: str) -> str:
        return job_key(run_id, self.store.jobs.store_id)

    def row(self, run_id: str) -> RunRow:
        (found,) = self.reader.runs_before(run_id, None, 10)
        return found


@pytest.fixture(scope="module", autouse=True)
def _third_kind() -> Iterator[None]:
    with third_kind():
        yield


@pytest.fixture(scope="module", params=list(PERSISTENT))
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("reader")
    storage = PERSISTENT[request.param](folder)
    runtime = RuntimeConfig(queue_root=str(folder / "queue"))

    def stored(**facts: Any) -> Experiment:
        return experiment(runtime=runtime, **facts).model_copy(update={"storage": storage})

    half = ScriptedMetric(lambda value, case: 0.5 if case.case_id == "q0" else 1.0)
    fails = ScriptedGenerator(lambda case, ctx: case.input if case.case_id == "q1" else ValueError("long " * 400))
    failing = stored(generator=fails).run().run_id
    alone = stored(metrics=["builtin/exact_match", half]).run().run_id
    submitted = []
    for seed in range(3):
        title = {"name": "mine", "labels": {"team": "x"}} if seed == 2 else {}
        submitted.append(submit_experiment(stored(seeds=[seed]).model_copy(update=title), mode="worker_pool").run_id)
        if seed < 2:
            run_worker_once(folder / "queue")
    root = open_root(folder / "queue")
    assert root is not None
    with closing(create_run_store(storage)) as store, closing(reader_of(location_of(storage))) as reader:
        yield Lab(store, reader, root.queue_id, alone, failing, submitted)


def test_a_reader_knows_where_and_which_its_store_is(lab: Lab) -> None:
    assert Path(lab.store.label).name in lab.reader.location.path
    assert lab.reader.store_id == lab.store.jobs.store_id


def test_a_run_has_its_name_and_its_labels(lab: Lab) -> None:
    assert lab.row(lab.alone)[8:10] == ("demo_generator-on-lab", None)
    (named,) = lab.reader.runs_named("mine", 9)
    assert (named.run_id, labels_in(named.labels)) == (lab.submitted[2], {"team": "x"})
    assert lab.reader.jobs([lab.key(named.run_id)])[lab.key(named.run_id)].run == named
    assert [run.run_id for run in lab.reader.runs_named("min", 9)] == []


def test_jobs_are_found_by_the_beginnings_of_their_keys(lab: Lab) -> None:
    keys = sorted(lab.key(run_id) for run_id in lab.submitted)
    assert [pair.job.key for pair in lab.reader.jobs_beginning("", 9)] == keys
    assert [pair.job.key for pair in lab.reader.jobs_beginning("", 2)] == keys[:2]
    (found,) = lab.reader.jobs_beginning(keys[1][:12], 9)
    assert (found.job.key, found.run.run_id) == (keys[1], found.job.run_id)
    assert lab.reader.jobs_beginning("%", 9) == lab.reader.jobs_beginning(keys[1] + "0", 9) == []


def test_runs_are_read_page_by_page_the_newest_first(lab: Lab) -> None:
    newest_first = [*reversed(lab.submitted), lab.alone, lab.failing]
    first = lab.reader.runs_before("", None, 3)
    rest = lab.reader.runs_before("", first[-1], 3)
    assert [run.run_id for run in [*first, *rest]] == newest_first
    assert lab.reader.runs_before("", rest[-1], 3) == []
    assert [run.run_id for run in lab.reader.runs_before(lab.alone[:9], None, 3)] == [lab.alone]
    assert lab.reader.runs_before("%", None, 9) == lab.reader.runs_before("", None, 9)


def test_a_runs_row_says_what_the_store_says_of_it(lab: Lab) -> None:
    for run_id in (lab.alone, *lab.submitted):
        run, record = lab.row(run_id), lab.store.load_run(run_id)
        assert record is not None
        assert run[:8] == (
            record.run_id,
            record.status.value,
            record.completed_through,
            record.total_cases,
            record.error,
            record.created_ms,
            record.started_ms,
            record.ended_ms,
        )


def test_cases_scores_and_snapshot_are_those_that_the_store_reads(lab: Lab) -> None:
    for run_id in (lab.alone, lab.submitted[0], lab.submitted[2]):
        run = lab.row(run_id)
        assert lab.reader.count_cases(run) == lab.store.count_ends(run_id)
        found, expected = lab.reader.score_tallies(run), lab.store.score_tallies(run_id)
        assert {no: tally.summary(3) for no, tally in found.items()} == {
            no: tally.summary(3) for no, tally in expected.items()
        }
        snapshot, text = lab.store.load_snapshot(run_id), lab.reader.snapshot_text(run)
        assert snapshot is not None
        assert text is not None
        outline = outline_of(text)
        assert dict(outline.metrics) == snapshot.metric_columns
        assert outline.datasets == (dataset().dataset_id,)
        assert outline.generator == "builtin/demo_generator"
    assert lab.reader.score_tallies(lab.row(lab.alone))[1].mean() == pytest.approx(2.5 / 3)


def test_failed_outcomes_of_failed_cases_are_read_in_the_order_of_cases_up_to_a_number(lab: Lab) -> None:
    run = lab.row(lab.failing)
    found = lab.reader.failed_outcomes(run, 10)
    assert [(one.case_no, one.case_id) for one in found] == [(0, "q0"), (2, "q2")]
    (group,) = failure_groups(found)
    assert (group.count, group.cases, group.category) == (2, ("q0", "q2"), "generation_failure")
    assert len(group.reason) > 2_000, "a body that is stored apart"
    assert group.reason.endswith("in Scripted.answer)")
    assert lab.reader.failed_outcomes(run, 1) == found[:1]
    assert lab.reader.failed_outcomes(lab.row(lab.alone), 10) == []


def test_what_a_run_has_spent_is_read_as_it_is_stored(lab: Lab) -> None:
    assert lab.reader.spends(lab.row(lab.alone)) == {}
    lab.store.put_spend(lab.alone, 1, "spent")
    assert lab.reader.spends(lab.row(lab.alone)) == lab.store.spends(lab.alone) == {1: "spent"}
    assert lab.reader.spends(lab.row(lab.submitted[0])) == {}


def test_the_figures_over_a_run_are_read_as_they_are_stored(lab: Lab) -> None:
    assert lab.reader.aggregates(lab.row(lab.alone)) == {}
    lab.store.put_aggregate(lab.alone, 1, "figures")
    assert lab.reader.aggregates(lab.row(lab.alone)) == lab.store.aggregates(lab.alone) == {1: "figures"}
    assert lab.reader.aggregates(lab.row(lab.submitted[0])) == {}


def test_jobs_are_the_rows_that_the_queue_has_each_with_its_run(lab: Lab) -> None:
    keys = [lab.key(run_id) for run_id in lab.submitted]
    found = lab.reader.jobs([*keys, "0" * 16])
    assert {key: pair.job for key, pair in found.items()} == {key: lab.store.jobs.load(key) for key in keys}
    assert {key: pair.run for key, pair in found.items()} == {
        lab.key(run_id): lab.row(run_id) for run_id in lab.submitted
    }
    assert [lab.reader.job(key) for key in keys] == [lab.store.jobs.load(key) for key in keys]
    assert lab.reader.job("0" * 16) is None
    assert list(lab.reader.jobs_of(lab.queue_id)) == lab.store.jobs.jobs_of(lab.queue_id)
    assert list(lab.reader.jobs_of("another queue")) == []
    assert lab.reader.attempts(keys[0]) == lab.store.jobs.attempts(keys[0]) != []


def test_what_ended_last_comes_first(lab: Lab) -> None:
    ended = [lab.key(run_id) for run_id in (lab.submitted[1], lab.submitted[0])]
    assert [pair.job.key for pair in lab.reader.last_ended(lab.queue_id, 10)] == ended
    assert [pair.job.key for pair in lab.reader.last_ended(lab.queue_id, 1)] == ended[:1]
    assert lab.reader.last_ended("another queue", 10) == []


def test_who_carries_a_run_out_is_seen_by_others(lab: Lab) -> None:
    with lab.store.hold_run(lab.alone):
        assert lab.reader.run_holder(lab.alone).held
    assert not lab.reader.run_holder(lab.alone).held


@pytest.mark.parametrize("kind", list(PERSISTENT))
def test_a_store_that_is_not_there_cannot_be_read_and_is_not_made(kind: str, tmp_path: Path) -> None:
    reader = reader_of(location_of(PERSISTENT[kind](tmp_path)))
    for ask in (lambda: reader.store_id, lambda: reader.runs_before("", None, 1), reader.upgrade):
        with pytest.raises(StoreError, match="is not there"):
            ask()
    assert list(tmp_path.iterdir()) == []
