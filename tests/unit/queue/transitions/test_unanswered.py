"""Commits that the store makes and does not answer, as over a connection that breaks in between."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes.queue_world import World, later, leases_over, world
from themis.core.errors import ClaimLostError, StoreError
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model.states import JobState

RUN = "run-1"


class Answers:
    """The answers to commits of a world's store, which can be lost."""

    def __init__(self, here: World) -> None:
        self.left = 0
        self._transaction = here.database.transaction
        here.database.transaction = self.transaction  # type: ignore[method-assign]
        self._depth = 0

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        self._depth += 1
        try:
            with self._transaction(synced=synced) as connection:
                yield connection
        finally:
            self._depth -= 1
        if self.left and not self._depth:
            self.left -= 1
            raise StoreError(path=Path("the store"), detail="the connection was lost")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        yield opened


def _moves(here: World, key: str) -> list[str]:
    text = (here.queue.path / "journal" / f"{key}.jsonl").read_text()
    return [json.loads(line)["move"] for line in text.splitlines()]


@pytest.mark.parametrize(
    ("cause", "state"),
    [(Cause.DONE, JobState.DONE), (Cause.EXCEPTION, JobState.QUEUED), (Cause.CONFIGURATION, JobState.FAILED)],
)
def test_an_end_that_was_written_without_an_answer_is_found_when_it_is_settled_again(
    here: World, cause: Cause, state: JobState
) -> None:
    key = here.submit(RUN)
    claim, answers = here.claimed(), Answers(here)
    answers.left = 2
    for _ in range(2):
        with pytest.raises(StoreError, match="the connection was lost"):
            here.finish(claim, AttemptOutcome(cause, "why"))
        claim.excuse()
        assert claim.lock.is_held
    assert here.finish(claim, AttemptOutcome(cause, "why")) == state
    row = here.store.load(key)
    assert row is not None
    assert (row.state, row.version, row.failures) == (state, claim.version + 1, cause is Cause.EXCEPTION)
    assert here.files_of(key) == ["waiting" if state == JobState.QUEUED else state]
    assert [attempt.cause for attempt in here.store.attempts(key)] == [cause]
    assert _moves(here, key)[-1] == "settle"
    assert "fenced" not in _moves(here, key)
    assert not claim.lock.is_held
    here.drain()
    here.assert_promise(RUN)


def test_a_job_that_went_on_after_the_unanswered_end_is_left_where_it_is(tmp_path: Path) -> None:
    with world(tmp_path, "a", host="a") as here, world(tmp_path, "b", host="b") as there:
        key = here.submit(RUN)
        claim, answers = here.claimed(), Answers(here)
        answers.left = 1
        with pytest.raises(StoreError, match="the connection was lost"):
            here.finish(claim, AttemptOutcome(Cause.EXCEPTION, "why"))
        there.queue.recover(there.owner)  # it is seen, and left alone for as long as a lease lasts
        with leases_over(), later():
            there.queue.recover(there.owner)
            other = there.claimed()
            assert here.finish(claim, AttemptOutcome(Cause.EXCEPTION, "why")) == JobState.QUEUED
            assert "fenced" not in _moves(here, key)
            assert there.finish(other) == JobState.DONE
            assert [attempt.cause for attempt in here.store.attempts(key)] == [Cause.EXCEPTION, Cause.DONE]


def test_a_job_that_was_taken_away_instead_is_lost_though_its_attempt_has_the_same_token(tmp_path: Path) -> None:
    """A recovery ends the attempt under the token of the claim that it recovers."""
    with world(tmp_path, "a", host="a") as here, world(tmp_path, "b", host="b") as there:
        key = here.submit(RUN)
        claim = here.claimed()
        here.database.transaction, kept = _unwritten, here.database.transaction  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="it is away"):
            here.finish(claim)
        here.database.transaction = kept  # type: ignore[method-assign]
        with leases_over():
            there.queue.recover(there.owner)
        (ended,) = here.store.attempts(key)
        assert (ended.token, ended.cause) == (claim.row.token, Cause.WORKER_LOST)
        with pytest.raises(ClaimLostError):
            here.finish(claim)
        assert _moves(here, key)[-1] == "fenced"


def test_a_claim_that_was_written_without_an_answer_is_charged_to_nobody(here: World) -> None:
    key = here.submit(RUN)
    answers = Answers(here)
    answers.left = 1
    assert here.claim() is None, "its store is left alone until the next look"
    claim = here.claimed()
    assert (claim.attempt, claim.row.lost, claim.row.failures) == (2, 0, 0)
    here.finish(claim)
    assert [attempt.cause for attempt in here.store.attempts(key)] == [Cause.OUTAGE, Cause.DONE]
    here.assert_promise(RUN)


@contextmanager
def _unwritten(*, synced: bool = True) -> Iterator[sqlite3.Connection]:
    raise StoreError(path=Path("the store"), detail="it is away")
    yield  # pragma: no cover
