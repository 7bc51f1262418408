"""What a run does whose generations go through batches."""

import asyncio
import gc
import json
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.batch_lab import LATER, SOON, attempt, lab_of, outputs
from tests.support.batch_provider import BatchModel, DiskEndpoint, Endpoint, Remote, Steps, failure
from tests.support.lab import ScriptedGenerator, experiment
from tests.support.onlookers import Listener
from themis.core.config import DatasetFile, RuntimeConfig
from themis.core.engine.batches import questions
from themis.core.engine.run_options import RunProgress
from themis.core.errors import (
    BatchWaitError,
    InvalidArgumentError,
    NoBatchesError,
)
from themis.core.results import RunStatus
from themis.core.stores import InMemoryRunStore, sqlite_store
from themis.core.stores.batch_rows import BatchState


def test_a_run_that_gives_back_says_what_the_provider_says_and_when_to_come_again() -> None:
    remote, store = Remote(looks=1), InMemoryRunStore()
    lab = lab_of(remote, runtime=LATER)
    with pytest.raises(BatchWaitError, match="waits for the batch of remote:lab: batch-0 with 3 questions") as first:
        attempt(lab, store)
    with pytest.raises(BatchWaitError, match="batch-0 in_progress 0 of 3") as second:
        attempt(lab, store)
    assert 590 < first.value.retry_after_s <= 600
    assert 290 < second.value.retry_after_s <= 300
    attempt(lab, store)
    assert store.list_runs()[0].status is RunStatus.COMPLETED
    assert sum(remote.asked.values()) == 3
    assert [row.state for row in store.batches(lab.compile().run_id)] == [BatchState.CLOSED]


def test_a_run_that_stays_says_what_it_waits_for() -> None:
    remote, progress = Remote(looks=3), RunProgress()
    seen = set()

    class Watching(Endpoint):
        async def look(self, batch_id: str) -> Any:
            seen.add(progress.waits_for)
            return await super().look(batch_id)

    model = BatchModel(Watching(remote, Steps()))
    experiment(model, runtime=SOON).run(progress=progress, store=InMemoryRunStore())
    assert "waits for the batch of remote:lab: batch-0 in_progress 0 of 3" in seen
    assert progress.waits_for is None


def test_a_run_that_is_interrupted_leaves_its_batch_to_the_provider_and_continues_with_it() -> None:
    remote, store = Remote(looks=10**6), InMemoryRunStore()
    lab = lab_of(remote)

    async def interrupted() -> None:
        run = asyncio.create_task(lab.run_async(store=store))
        while not remote.batches:  # noqa: ASYNC110  # the batch is made by the run itself
            await asyncio.sleep(0.01)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(interrupted())
    assert store.list_runs()[0].status is RunStatus.CANCELLED
    assert [row.state for row in store.batches(lab.compile().run_id)] == [BatchState.SUBMITTED]
    remote.looks = 0
    assert outputs(lab, store) == ["text of a0", "text of a1", "text of a2"]
    assert len(remote.batches) == 1


def test_observers_hear_of_the_answers_of_a_batch() -> None:
    listener = Listener()
    lab_of(Remote()).run(store=InMemoryRunStore(), subscribers=[listener])
    assert listener.calls.count("after_generate") == 3


def test_a_batch_is_waited_for_though_the_setting_is_gone() -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    with pytest.raises(BatchWaitError, match="in_progress"):
        attempt(lab, store, runtime=RuntimeConfig())
    attempt(lab, store, runtime=RuntimeConfig())
    assert sum(remote.asked.values()) == 3
    assert not remote.singles


def test_a_run_that_ended_asks_what_failed_in_a_new_batch_when_it_is_started_again() -> None:
    remote, store = Remote(lambda question: failure(passes=False)), InMemoryRunStore()
    lab = lab_of(remote)
    assert lab.run(store=store).status is RunStatus.FAILED
    remote.says = lambda question: "now"
    assert outputs(lab, store) == ["now"] * 3
    assert len(remote.batches) == 2


def test_a_candidate_that_a_batch_lost_leaves_the_others_scored() -> None:
    remote, store = Remote(lambda question: failure(passes=False) if question == "a1/2" else "x"), InMemoryRunStore()
    lab = lab_of(remote, samples=2, seeds=[1, 2], score_candidates="each")
    result = lab.run(store=store)
    assert result.status is RunStatus.PARTIAL_FAILURE
    assert [[sample.candidate_index for sample in case.samples] for case in result.cases] == [[0, 1], [0], [0, 1]]
    assert not remote.singles


def test_a_run_from_scratch_forgets_its_batches() -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote)
    assert len(outputs(lab, store)) == 3
    again = lab.run(store=store, runtime=SOON.model_copy(update={"existing_run_policy": "rerun"}))
    assert again.status is RunStatus.COMPLETED
    assert sum(remote.asked.values()) == 6
    assert len(store.batches(again.run_id)) == 1


@pytest.mark.parametrize("again", [SOON, RuntimeConfig()])
def test_a_run_from_scratch_cancels_the_batches_that_were_open(again: RuntimeConfig) -> None:
    remote, store = Remote(looks=10**6), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    remote.looks = 0
    result = lab.run(store=store, runtime=again.model_copy(update={"existing_run_policy": "rerun"}))
    assert result.status is RunStatus.COMPLETED
    assert remote.batches["batch-0"].is_cancelled
    assert [row.state for row in store.batches(result.run_id)] == [BatchState.CLOSED] * len(remote.batches)
    assert len(remote.batches) == (2 if again is SOON else 1)


def test_answers_that_are_there_already_are_in_no_batch() -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote, count=2)
    lab.run(store=store, runtime=RuntimeConfig())
    assert len(remote.singles) == 2
    lab_of(remote, count=4).run(store=store)
    assert sorted(question.partition("/")[0] for question in remote.asked) == ["a2", "a3"]
    before = len(remote.batches)
    lab_of(remote, count=4, metrics=["builtin/exact_match", "builtin/f1"]).run(store=store)
    assert len(remote.batches) == before


def test_a_batch_has_so_many_questions_and_bytes_and_no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    remote = Remote()
    monkeypatch.setattr(questions, "MOST_LINES", 3)
    lab_of(remote, count=8).run(store=InMemoryRunStore())
    assert [len(batch.lines) for batch in remote.batches.values()] == [3, 3, 2]
    remote.batches.clear()
    monkeypatch.setattr(questions, "MOST_BYTES", 180)
    lab_of(remote, count=5).run(store=InMemoryRunStore())
    assert [len(batch.lines) for batch in remote.batches.values()] == [2, 2, 1]
    monkeypatch.setattr(questions, "MOST_BYTES", 40)
    with pytest.raises(InvalidArgumentError, match=r"case 'q0' takes \d+ bytes, and a batch no more than 40"):
        lab_of(remote).run(store=InMemoryRunStore())


def test_a_result_that_makes_no_sense_is_left_out_and_asked_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    batch = remote.batches["batch-0"]
    good = json.dumps({"custom_id": batch.lines[0]["custom_id"], "said": "good"}).encode()
    strange = [b"[1]", b"no JSON", json.dumps({"custom_id": "nobody-7-0", "said": "x"}).encode(), good, good]
    nonce = batch.marks[1].encode()
    batch.results = [*strange, json.dumps({"custom_id": f"{nonce.decode()}-999-0", "said": "far"}).encode()]
    remote.looks = 0
    assert outputs(lab, store) == ["good", "single of a1", "single of a2"]
    assert caplog.text.count("a line of the results of remote:lab is left out, like all that follow") == 1


def test_a_generator_without_batches_is_refused_when_the_run_is_given_the_setting() -> None:
    lab = experiment(ScriptedGenerator())
    with pytest.raises(NoBatchesError, match="lab/generator has no batch endpoint"):
        lab.run(runtime=SOON, store=InMemoryRunStore())


@pytest.mark.slow
def test_memory_does_not_grow_with_the_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    count = 6_000 if short else 30_000
    monkeypatch.setattr(questions, "MOST_LINES", 1_000)

    def peak(folder: Path, cases_no: int) -> int:
        folder.mkdir()
        file = folder / "cases.jsonl"
        with file.open("w") as lines:
            lines.writelines(json.dumps({"input": f"a{no} " + "x" * 400}) + "\n" for no in range(cases_no))
        lab = experiment(
            BatchModel(DiskEndpoint(folder)), runtime=SOON, datasets=[DatasetFile(dataset_id="file", path=str(file))]
        )
        with closing(sqlite_store(folder / "s.sqlite3")) as store:
            lab.compile()
            gc.collect()
            tracemalloc.start()
            try:
                result = lab.run(until_stage="generate", store=store)
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert result.progress.completed_cases == cases_no
        return most

    peak(tmp_path / "warm", 50)
    small, large = peak(tmp_path / "small", 1_000), peak(tmp_path / "large", count)
    assert large < small + 40 * count + 2_000_000
