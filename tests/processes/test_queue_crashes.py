"""A process may die at any step of any verb: nothing that was acknowledged is lost, and no result exists twice."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.crash_points import kill_at, steps_of
from tests.processes.queue_world import World, leases_over, world
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.folder.root import make_root
from themis.core.queue.model.states import JobState

RUN = "run-1"
HOUR_NS = 3_600_000_000_000

# Each verb: what is there before it, and what is killed in the middle. Both run in processes of their own.


def nothing(folder: Path) -> None:
    """An empty folder."""


def made(folder: Path) -> None:
    """A queue that has seen another job, with a store."""
    with world(folder) as here:
        here.submit("another")
        here.drain()


def submitted(folder: Path) -> None:
    made(folder)
    with world(folder) as here:
        here.submit(RUN)


def claimed_and_dead(folder: Path) -> None:
    submitted(folder)
    with world(folder) as here:
        here.claimed().abandon()


def ended(folder: Path, cause: Cause) -> None:
    submitted(folder)
    with world(folder) as here:
        here.finish(here.claimed(), AttemptOutcome(cause, "as the test says"))


def failed(folder: Path) -> None:
    ended(folder, Cause.CONFIGURATION)


def done(folder: Path) -> None:
    ended(folder, Cause.DONE)


def let_go(folder: Path) -> None:
    submitted(folder)
    with world(folder) as here:
        claim = here.claimed()
        claim.excuse()
        claim.abandon()


def claim_and_let_go(folder: Path) -> None:
    with world(folder) as here:
        claim = here.claimed()
        claim.excuse()
        claim.abandon()
        _acknowledge(folder)


def asked_to_stop(folder: Path) -> None:
    submitted(folder)
    with world(folder) as here:
        claim = here.claimed()
        with world(folder, "person") as there:
            there.queue.admin.cancel(claim.key)
        claim.abandon()


def submit(folder: Path) -> None:
    with world(folder) as here:
        here.submit(RUN)
        _acknowledge(folder)


def claim_and_settle(folder: Path) -> None:
    with world(folder) as here:
        here.finish(here.claimed())


def claim_and_fail(folder: Path) -> None:
    with world(folder) as here:
        here.finish(here.claimed(), AttemptOutcome(Cause.TRANSIENT, "try again"))


def recover(folder: Path) -> None:
    with world(folder) as here:
        here.queue.recover(here.owner)


def cancel(folder: Path) -> None:
    with world(folder) as here:
        here.queue.admin.cancel(here.job(RUN).key)
        _acknowledge(folder)


def retry(folder: Path) -> None:
    with world(folder) as here:
        here.queue.admin.retry(here.job(RUN).key)
        _acknowledge(folder)


def rerun(folder: Path) -> None:
    with world(folder) as here:
        here.queue.admin.rerun(here.job(RUN).key)
        _acknowledge(folder)


def submit_again(folder: Path) -> None:
    with world(folder) as here:
        here.submit(RUN, rerun=True)
        _acknowledge(folder)


def submit_many(folder: Path) -> None:
    with world(folder) as here:
        here.submit_all([f"before-{RUN}", RUN, f"after-{RUN}"])
        _acknowledge(folder)


def waiting(folder: Path) -> None:
    submitted(folder)
    with world(folder) as here:
        here.queue.admin.reschedule(here.job(RUN).key, not_before_ns=time.time_ns() + HOUR_NS)


def set_aside(folder: Path) -> None:
    with world(folder) as here:
        here.queue.admin.reschedule(here.job(RUN).key, priority=0, not_before_ns=time.time_ns() + HOUR_NS)
        _acknowledge(folder)


def hurry(folder: Path) -> None:
    with world(folder) as here:
        here.queue.admin.reschedule(here.job(RUN).key, not_before_ns=0)
        _acknowledge(folder)


def prune(folder: Path) -> None:
    with world(folder) as here:
        key = here.job(RUN).key
        found = here.queue.admin.prunable(("done", "failed", "cancelled"), time.time_ns() + HOUR_NS)
        assert [item.name for item in here.queue.admin.prune(found) if item.name == key] == [key]
        _acknowledge(folder)


def doctor(folder: Path) -> None:
    with world(folder) as here:
        for path in (*here.queue.path.glob("queued/*"), *here.queue.path.glob("failed/*")):
            path.unlink()
        here.queue.admin.doctor()


VERBS: list[tuple[str, Callable[[Path], None], Callable[[Path], None]]] = [
    ("submit, the first ever", nothing, submit),
    ("submit", made, submit),
    ("submit with others", made, submit_many),
    ("submit again, with others", submitted, submit_many),
    ("claim and settle", submitted, claim_and_settle),
    ("claim and fail", submitted, claim_and_fail),
    ("recover", claimed_and_dead, recover),
    ("recover what could not be settled", let_go, recover),
    ("claim, and let go what cannot be settled", submitted, claim_and_let_go),
    ("recover one that was to be cancelled", asked_to_stop, recover),
    ("cancel", submitted, cancel),
    ("cancel one whose worker is dead", claimed_and_dead, cancel),
    ("retry", failed, retry),
    ("rerun", done, rerun),
    ("submit again, to rerun", done, submit_again),
    ("doctor, files lost", submitted, doctor),
    ("set, to a later time", submitted, set_aside),
    ("set, to be taken now", waiting, hurry),
    ("prune what is done", done, prune),
    ("prune what failed", failed, prune),
]


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True], ids=["local", "shared"])
@pytest.mark.parametrize("tried", VERBS, ids=[name for name, _, _ in VERBS])
def test_killed_at_any_step_the_queue_keeps_its_promise(
    tried: tuple[str, Callable[[Path], None], Callable[[Path], None]],
    shared: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    short: bool,
) -> None:
    name, before, verb = tried
    before(_fresh(tmp_path, "counted", shared=shared))
    steps = steps_of(verb, tmp_path / "counted")
    runs = 0
    for point in range(0, len(steps) + 1, 7 if short else 1):
        folder = _fresh(tmp_path, str(point), shared=shared)
        before(folder)
        killed = kill_at(point, verb, folder)
        assert killed == (point < len(steps)), steps
        _assert_promise(folder, name, f"killed at {point} of {steps}", host="another" if shared else None)
        runs += 1
    with capsys.disabled():
        print(f"\n  {name}{', shared' if shared else ''}: {len(steps)} points, {runs} runs", end="")  # noqa: T201  # how much was tried is the evidence


def test_a_worker_killed_between_its_claim_and_its_commit_loses_nothing(tmp_path: Path) -> None:
    submitted(tmp_path)
    with world(tmp_path) as here:
        steps = ["rename", "commit", "commit"]
        assert kill_at(_point_of(steps, tmp_path), claim_and_settle, tmp_path)
        row = here.store.load(here.job(RUN).key)
        assert row is not None
        assert row.state == JobState.RUNNING
        (after,) = here.queue.recover(here.owner)
        assert (after.state, after.cause, after.lost) == (JobState.QUEUED, Cause.WORKER_LOST, 1)
        here.drain()
        here.assert_promise(RUN, state=JobState.DONE)


def _point_of(kinds: list[str], tmp_path: Path) -> int:
    """The point at which the last of these steps, found one after the other, is announced."""
    folder = _fresh(tmp_path, "counted")
    submitted(folder)
    point = -1
    steps = steps_of(claim_and_settle, folder)
    for kind in kinds:
        point = next(number for number in range(point + 1, len(steps)) if steps[number].startswith(kind))
    return point


def _fresh(tmp_path: Path, name: str, *, shared: bool = False) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    if shared:
        make_root(folder / "queue", shared=True)
    return folder


def _acknowledge(folder: Path) -> None:
    (folder / "acknowledged").touch()


def _assert_pruned_or_whole(here: World, *, acknowledged: bool) -> None:
    """Nothing is resurrected, and nothing is lost: the job is whole, or it is gone, and comes back as it ended."""
    here.queue.admin.doctor()
    key = here.job(RUN).key
    row = here.store.load(key)
    assert row is not None
    gone = row.queue_id == ""
    assert gone >= acknowledged
    assert here.files_of(key) == ([] if gone else [row.state])
    assert here.claim() is None, "nobody runs it again"
    assert list((here.queue.path / "rejected").iterdir()) == []
    assert here.queue.admin.doctor() == []
    again = here.queue.submit(here.job(RUN))
    assert (again.row.state, again.row.attempt, again.created) == (row.state, row.attempt, False)


def _assert_promise(folder: Path, name: str, when: str, host: str | None) -> None:
    """Recover with a fresh worker, on another host if one is named, and hold the queue to its word."""
    with world(folder, "fresh", host=host) as here, here.at_home():
        acknowledged = (folder / "acknowledged").exists()
        if name.startswith("submit") and not acknowledged:
            here.submit(RUN)  # whoever was not told that it is in submits it again
        here.queue.recover(here.owner)  # sees what it must have seen for a lease's time
        with leases_over():
            if name.startswith("prune"):
                _assert_pruned_or_whole(here, acknowledged=acknowledged)
            here.drain()
            if name.startswith("doctor"):
                here.queue.admin.doctor()
                here.drain()
        people = 1 if name in {"rerun", "submit again, to rerun"} else 0
        here.assert_promise(RUN, ended_by_people=people)
        row = here.store.load(here.job(RUN).key)
        assert row is not None
        if name == "recover what could not be settled" or (name.startswith("claim, and let go") and acknowledged):
            causes = [attempt.cause for attempt in here.store.attempts(row.key)]
            assert Cause.WORKER_LOST not in causes, f"charged for an outage, {when}"
        if name == "cancel" and acknowledged:
            assert row.state == JobState.CANCELLED, when
            assert here.results_of(RUN) == 0
        if name in {"retry", "rerun", "submit again, to rerun"} and acknowledged:
            assert row.state == JobState.DONE
            assert here.results_of(RUN) == 1 + people
        assert not list((here.queue.path / "claimed").iterdir()), when
