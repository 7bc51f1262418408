"""Batches in doubt, lost, refused, cancelled, or another's."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.batch_lab import LATER, SOON, attempt, lab_of, outputs
from tests.support.batch_provider import BatchModel, Endpoint, Remote, RemoteBatch, Steps, failure
from tests.support.lab import experiment
from themis.core.config import RuntimeConfig
from themis.core.engine.batches import polling, questions
from themis.core.engine.batches.cancelling import cancel_batches, open_batches
from themis.core.errors import (
    BatchesRefusedError,
    BatchWaitError,
    InvalidRequestError,
    ProviderReply,
)
from themis.core.results import RunStatus
from themis.core.stores import InMemoryRunStore
from themis.core.text import masking
from themis.core.values.batch import BatchConfig

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
UNKNOWN = "remote:lab may have a batch whose name is unknown: look there"


def test_a_batch_list_that_lags_behind_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    remote, store = Remote(hidden=2), InMemoryRunStore()
    lab = lab_of(remote, runtime=RuntimeConfig(batch=BatchConfig(after=0.01, poll=0.3)))
    created = Endpoint.create

    async def lost(self: Endpoint, submission: Any) -> str:
        await created(self, submission)
        raise failure(passes=True)

    monkeypatch.setattr(Endpoint, "create", lost)
    for _ in range(3):
        with pytest.raises(BatchWaitError, match="a batch with 3 questions is being submitted"):
            attempt(lab, store)
    assert len(remote.batches) == 1
    assert set(outputs(lab, store)) == {"text of a0", "text of a1", "text of a2"}
    assert len(remote.batches) == 1


def test_a_batch_that_never_reached_the_provider_is_submitted_again() -> None:
    remote, store, tried = Remote(), InMemoryRunStore(), []

    class Deaf(Endpoint):
        async def create(self, submission: Any) -> str:
            tried.append(submission.nonce)
            if len(tried) < 3:
                raise failure(passes=True)
            return await super().create(submission)

    for like_openai in (True, False):
        tried.clear()
        remote.batches.clear()
        lab = experiment(BatchModel(Deaf(remote, Steps(), like_openai=like_openai)), runtime=SOON)
        assert lab.run(store=InMemoryRunStore()).status is RunStatus.COMPLETED
        assert len(tried) == 3
        assert len(set(tried)) == 1
        assert len(remote.batches) == 1
    assert not store.list_runs()


def test_an_uploaded_file_that_has_gone_is_uploaded_again() -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote)
    generator: Any = lab.generation.generator

    class Forgetful(Endpoint):
        async def create(self, submission: Any) -> str:
            if submission.file_id not in self.remote.files:
                raise InvalidRequestError(provider="lab", detail="no such file", reply=ProviderReply(status_code=400))
            if not remote.batches and submission.path is not None and not gone:
                gone.append(self.remote.files.pop(submission.file_id))
                raise failure(passes=True)
            return await super().create(submission)

    gone: list[Any] = []
    generator.endpoint = Forgetful(remote, Steps())
    assert len(outputs(lab, store)) == 3
    assert len(gone) == 1
    assert len(remote.batches) == 1
    assert not remote.singles


def test_a_refusal_that_will_not_pass_stops_the_run_and_keeps_what_is_there() -> None:
    remote, store = Remote(), InMemoryRunStore()

    class Refusing(Endpoint):
        async def create(self, submission: Any) -> str:
            raise failure(passes=False)

    lab = experiment(BatchModel(Refusing(remote, Steps())), runtime=SOON)
    with pytest.raises(BatchesRefusedError, match="does not take the batches of this run: remote:lab: refuses"):
        lab.run(store=store)
    assert store.list_runs()[0].status is RunStatus.FAILED
    assert not remote.singles


def test_a_provider_that_cannot_say_how_far_a_batch_is_is_asked_again() -> None:
    remote, store, asked = Remote(), InMemoryRunStore(), []

    class Silent(Endpoint):
        async def look(self, batch_id: str) -> Any:
            asked.append(batch_id)
            if len(asked) == 1:
                raise failure(passes=True)
            return await super().look(batch_id)

    lab = experiment(BatchModel(Silent(remote, Steps())), runtime=LATER)
    for _ in range(2):
        with pytest.raises(BatchWaitError) as waits:
            attempt(lab, store)
    assert "batch-0 unknown: remote:lab: cannot answer now" in str(waits.value)
    remote.looks = 0
    assert len(outputs(lab, store)) == 3
    assert len(remote.batches) == 1


def test_a_batch_that_the_provider_has_lost_is_asked_one_by_one() -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    remote.batches.clear()
    assert outputs(lab, store) == [f"single of a{no}" for no in range(3)]


def test_a_batch_that_failed_as_a_whole_is_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_known", masking.Mask())
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    masking.register("MODEL_KEY", KEY, is_key=True)
    remote.batches["batch-0"].status = f"failed (the key\n{KEY} {'x' * 1_000})"
    remote.batches["batch-0"].results = []
    assert outputs(lab, store) == [f"single of a{no}" for no in range(3)]
    (row,) = store.batches(lab.compile().run_id)
    assert row.status is not None
    assert row.status.startswith("failed (the key ")
    assert KEY not in row.status
    assert len(row.status) == 500


@pytest.mark.parametrize("which", ["batch-0", "batch-1"])
def test_a_batch_that_the_provider_has_no_room_for_is_submitted_again_later(
    monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr(questions, "MOST_LINES", 2)
    remote, store = Remote(looks=10**6, is_full=True), InMemoryRunStore()
    lab = lab_of(remote, runtime=RuntimeConfig(batch=BatchConfig(after=600, poll=0.2)))
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    remote.batches[which].status, remote.batches[which].results = "failed", []
    for _ in range(2):
        with pytest.raises(BatchWaitError, match="a batch failed") as waits:
            attempt(lab, store)
        assert waits.value.retry_after_s <= 0.2
    assert len(remote.batches) == 2
    remote.looks = 0
    lab.run(store=store, runtime=SOON)
    assert outputs(lab, store) == ["text of a0", "text of a1", "text of a2"]
    assert list(remote.batches) == ["batch-0", "batch-1", "batch-2"]
    assert remote.batches["batch-2"].lines == remote.batches[which].lines
    assert not remote.singles


def test_a_batch_that_the_provider_never_has_room_for_is_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_PATIENCE_MS", 0)
    remote, store = Remote(is_full=True), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    remote.batches["batch-0"].status, remote.batches["batch-0"].results = "failed", []
    assert outputs(lab, store) == [f"single of a{no}" for no in range(3)]


def test_a_postponed_batch_whose_file_is_gone_is_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_LINES", 2)
    remote, store = Remote(looks=10**6, is_full=True), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    remote.batches["batch-0"].status, remote.batches["batch-0"].results = "failed", []

    async def refused(self: Endpoint, submission: Any) -> str:
        raise InvalidRequestError(provider="lab", detail="no such file", reply=ProviderReply(status_code=400))

    monkeypatch.setattr(Endpoint, "create", refused)
    remote.looks = 0
    assert outputs(lab, store) == ["single of a0", "single of a1", "text of a2"]


@pytest.mark.parametrize("like_openai", [True, False])
def test_a_cancelled_batch_is_read_and_what_it_lacks_goes_into_a_new_one(*, like_openai: bool) -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote, like_openai=like_openai)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    said = asyncio.run(cancel_batches(store, lab.compile().run_id, lab.generation.generator))
    assert said == ["batch batch-0 of remote:lab was asked to end"]
    assert remote.batches["batch-0"].is_cancelled
    remote.says = lambda question: f"text of {question}"
    batch = remote.batches["batch-0"]
    batch.results = [json.dumps({"custom_id": line["custom_id"], "said": "early"}).encode() for line in batch.lines[:2]]
    assert outputs(lab, store) == ["early", "early", "text of a2"]
    assert [len(one.lines) for one in remote.batches.values()] == [3, 1]
    assert not remote.singles


@pytest.mark.parametrize(
    ("like_openai", "said"), [(True, []), (False, ["remote:lab may have a batch whose name is unknown: look there"])]
)
def test_a_batch_whose_submission_is_in_doubt_is_looked_for_before_it_is_cancelled(
    *, like_openai: bool, said: list[str]
) -> None:
    remote, store = Remote(), InMemoryRunStore()

    class Lost(Endpoint):
        async def create(self, submission: Any) -> str:
            if remote.hidden:
                raise failure(passes=True)
            await super().create(submission)
            raise failure(passes=True)

    lab = experiment(BatchModel(Lost(remote, Steps(), like_openai=like_openai)), runtime=SOON)
    remote.hidden = 1
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    run_id = lab.compile().run_id
    assert len(open_batches(store, run_id)) == 1
    assert asyncio.run(cancel_batches(store, run_id, lab.generation.generator)) == said
    assert not open_batches(store, run_id)


def test_a_batch_that_cannot_be_cancelled_is_named() -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote)
    with pytest.raises(BatchWaitError):
        attempt(lab, store)
    remote.batches.clear()
    (said,) = asyncio.run(cancel_batches(store, lab.compile().run_id, lab.generation.generator))
    assert said.startswith("batch batch-0 could not be cancelled, so cancel it at the provider: ")


def test_a_batch_that_proves_to_be_anothers_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    remote, store = Remote(), InMemoryRunStore()
    lab = lab_of(remote, like_openai=False)
    with monkeypatch.context() as patch:

        async def lost(self: Endpoint, submission: Any) -> str:
            lines = [{"custom_id": f"other-{no}-0", "question": f"theirs {no}"} for no in range(submission.lines)]
            remote.batches["others"] = RemoteBatch(("", ""), lines, submission.intended_ms)
            raise failure(passes=True)

        patch.setattr(Endpoint, "create", lost)
        with pytest.raises(BatchWaitError):
            attempt(lab, store)
    assert outputs(lab, store) == [f"text of a{no}" for no in range(3)]
    assert list(remote.batches) == ["others", "batch-1"]
    assert not remote.singles
