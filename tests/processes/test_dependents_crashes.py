"""A process may die at any step of what it does to jobs after others: none waits for ever, or runs too early."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.crash_points import kill_at, steps_of
from tests.processes.queue_world import World, world
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model import predecessors
from themis.core.queue.model.predecessors import Predecessors
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions.bulk_submitting import BulkJob

FAILED = AttemptOutcome(Cause.CONFIGURATION, "as the test says")


def _submit(here: World, run_id: str, *after: str) -> None:
    new = here.job(run_id, after=Predecessors(tuple(here.job(one).key for one in after)))
    here.queue.submit(new, prepare=lambda: here._make_run(run_id))


def chain(folder: Path) -> None:
    """Two jobs, one after the other."""
    with world(folder) as here:
        _submit(here, "a")
        _submit(here, "b", "a")
        _submit(here, "c", "b")


def failed(folder: Path) -> None:
    chain(folder)
    with world(folder) as here:
        here.finish(here.claimed(), FAILED)
        assert here.claim() is None


def first(folder: Path) -> None:
    with world(folder) as here:
        _submit(here, "a")


def submit_dependents(folder: Path) -> None:
    with world(folder) as here:
        _submit(here, "b", "a")
        _submit(here, "c", "b")


def submit_many(folder: Path) -> None:
    with world(folder) as here:
        after = {"b": ("a",), "c": ("a",)}
        jobs = [here.job(one, after=Predecessors(tuple(here.job(k).key for k in keys))) for one, keys in after.items()]
        list(here.queue.submit_all([BulkJob(job, lambda job=job: here._make_run(job.run_id)) for job in jobs]))  # type: ignore[misc]


def run_all(folder: Path) -> None:
    with world(folder) as here:
        here.drain()


def fail_first(folder: Path) -> None:
    with world(folder) as here:
        here.finish(here.claimed(), FAILED)
        assert here.claim() is None


def retry_first(folder: Path) -> None:
    with world(folder) as here:
        here.queue.admin.retry(here.job("a").key)


LIVES: list[tuple[Callable[[Path], None], Callable[[Path], None]]] = [
    (first, submit_dependents),
    (first, submit_many),
    (chain, run_all),
    (chain, fail_first),
    (failed, retry_first),
]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "killed"), LIVES, ids=[killed.__name__ for _, killed in LIVES])
def test_what_is_left_after_any_step_ends_as_it_would_have(
    tmp_path: Path, before: Callable[[Path], None], killed: Callable[[Path], None]
) -> None:
    (tmp_path / "calm").mkdir()
    before(tmp_path / "calm")
    for point in range(len(steps_of(killed, tmp_path / "calm"))):
        folder = tmp_path / str(point)
        folder.mkdir()
        before(folder)
        assert kill_at(point, killed, folder)
        with world(folder) as here:
            _submit(here, "a")
            if killed in {submit_dependents, submit_many}:
                killed(folder)  # it was not acknowledged: the same again does the rest
            here.queue.admin.doctor()
            here.drain()
            _assert_ended_well(here)


def _assert_ended_well(here: World) -> None:
    rows = {name: here.store.load(here.job(name).key) for name in "abc"}
    for name, row in rows.items():
        assert row is not None
        here.assert_promise(name)
        wanted = predecessors.of(row)
        found = predecessors.verdict(wanted, here.store.load_each(wanted.keys))
        assert not found.waits
        assert (row.state == JobState.CANCELLED) == bool(found.bad), f"{name} is {row.state}"
    assert here.store.owing(here.queue.admin.find(here.job("a").key).queue_id, 9) == []
