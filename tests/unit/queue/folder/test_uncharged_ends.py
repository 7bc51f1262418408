"""An attempt whose end could not be written is charged to nobody, whoever finds its file, and only that attempt."""

import errno
from pathlib import Path

import pytest

from tests.processes.queue_world import World, leases_over, world
from themis.core.errors import StoreFullError
from themis.core.files import durable
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.folder import uncharged_ends
from themis.core.queue.model import layout
from themis.core.queue.model.states import JobState
from themis.core.stores.job_rows import JobRow

RUN = "run-1"


def _job(here: World) -> JobRow:
    row = here.store.load(here.job(RUN).key)
    assert row is not None
    return row


def _let_go(here: World) -> None:
    claim = here.claimed()
    claim.excuse()
    claim.abandon()


@pytest.mark.parametrize("shared", [False, True], ids=["local", "shared"])
def test_what_could_not_be_settled_is_given_back_uncharged(tmp_path: Path, shared: bool) -> None:
    with world(tmp_path, host="a" if shared else None) as here, here.at_home():
        here.submit(RUN)
        for _ in range(5):  # more often than any budget
            _let_go(here)
        with leases_over():
            (after,) = here.queue.recover(here.owner)
        assert (after.state, after.cause, after.failures, after.lost) == (JobState.QUEUED, Cause.OUTAGE, 0, 0)
        assert [attempt.cause for attempt in here.store.attempts(after.key)] == [Cause.OUTAGE] * 5
        here.finish(here.claimed())
        here.assert_promise(RUN, state=JobState.DONE)


def test_another_host_charges_nobody_either(tmp_path: Path) -> None:
    with world(tmp_path, host="a") as here, here.at_home():
        here.submit(RUN)
        _let_go(here)
    with world(tmp_path, host="b") as there, there.at_home(), leases_over():
        (after,) = there.queue.recover(there.owner)
        assert (after.state, after.cause, after.lost) == (JobState.QUEUED, Cause.OUTAGE, 0)


def test_what_is_given_back_after_an_outage_goes_behind_the_others(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        here.submit("later")
        here.finish(claim, AttemptOutcome(Cause.OUTAGE, "full"))
        assert here.claimed().row.run_id == "later"
        assert here.claimed().row.run_id == RUN


def test_the_mark_of_one_attempt_excuses_no_later_one(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        _let_go(here)
        (marked,) = (here.queue.path / "claimed").iterdir()
        stale = marked.name
        assert uncharged_ends.is_excused(_job(here), stale)
        here.queue.recover(here.owner)
        claim = here.claimed()
        assert not uncharged_ends.is_excused(claim.row, stale)
        entry = layout.parse(layout.CLAIMED, stale)
        assert entry is not None
        renumbered = layout.claimed_name(claim.key, claim.attempt, entry.token or "")
        assert not uncharged_ends.is_excused(claim.row, renumbered)
        Path(claim.path).rename(here.queue.path / "claimed" / renumbered)
        claim.abandon()
        (after,) = here.queue.recover(here.owner)
        assert (after.cause, after.lost) == (Cause.WORKER_LOST, 1)


def test_an_excused_claim_can_still_be_settled(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        claim.excuse()
        claim.excuse()
        here.finish(claim)
        here.assert_promise(RUN, state=JobState.DONE)
        assert list((here.queue.path / "claimed").iterdir()) == []


def test_who_lost_the_job_excuses_nothing(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        claim.lock.release()
        here.queue.recover(here.owner)
        claim.excuse()
        assert _job(here).lost == 1
        here.drain()
        here.assert_promise(RUN, state=JobState.DONE)


def test_a_job_that_was_to_be_cancelled_is(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        here.queue.admin.cancel(claim.key)
        claim.excuse()
        claim.abandon()
        (after,) = here.queue.recover(here.owner)
        assert after.state == JobState.CANCELLED


def test_a_mark_needs_no_room_and_a_recovery_that_finds_none_loses_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def observe(kind: str, *_: object) -> None:
        if kind in {"write", "fsync", "mark", "mkdir", "link"}:
            raise OSError(errno.ENOSPC, "no room")
        if kind == "commit":
            raise StoreFullError(path="store", detail="no room")

    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        before = durable.set_observer(observe)
        try:
            with pytest.raises(StoreFullError):
                here.finish(claim)
            claim.excuse()
            claim.abandon()
            assert here.queue.recover(here.owner) == []  # takes it in hand, and then cannot commit
        finally:
            durable.set_observer(before)
        (after,) = here.queue.recover(here.owner)
        assert (after.state, after.lost) == (JobState.QUEUED, 0)


def test_a_job_whose_file_cannot_be_moved_is_settled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def observe(kind: str, *facts: object) -> None:
        if kind == "rename" and "/done/" in str(facts[1]):
            raise OSError(errno.ENOSPC, "no room")

    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        before = durable.set_observer(observe)
        try:
            assert here.finish(claim) == JobState.DONE
        finally:
            durable.set_observer(before)
        here.queue.recover(here.owner)
        here.assert_promise(RUN, state=JobState.DONE)


def test_files_are_moved_under_the_mark_of_the_claim_when_one_of_them_bears_it_and_only_then(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit(RUN)
        claim = here.claimed()
        row = _job(here)
        assert row.token is not None

        def named(token: str) -> str:
            return layout.claimed_name(row.key, row.attempt, token)

        def excuses_when_moved(*names: str) -> bool:
            return uncharged_ends.is_excused(row, named(uncharged_ends.token_for(row, names)))

        plain, marked = named(row.token), named(uncharged_ends.marked_token(row.token))
        assert excuses_when_moved(marked)
        assert excuses_when_moved(plain, marked)
        assert not excuses_when_moved(plain)
        assert not excuses_when_moved()
        here.finish(claim)
