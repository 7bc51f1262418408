"""What every queue promises of jobs that run after others, whatever people, workers and crashes do in between."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.queue_world import World
from tests.processes.row_world import RowWorld, clocked_url
from themis.core.errors import JobError, JobStateError
from themis.core.queue import AttemptOutcome, Cause, NewJob
from themis.core.queue.model import predecessors
from themis.core.queue.model.predecessors import Predecessors
from themis.core.queue.model.states import ENDED, JobState
from themis.core.queue.transitions import dependents
from themis.core.queue.transitions.bulk_submitting import BulkJob
from themis.core.stores.job_rows import JobRow

FAILED = AttemptOutcome(Cause.CONFIGURATION, "the model has no such name")
Another = Callable[[], World]


@pytest.fixture(params=["folder", "shared folder", pytest.param("rows", marks=pytest.mark.slow)])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Another]:
    """Opens one queue again, as another process of the same host sees it."""
    url = clocked_url() if request.param == "rows" else ""
    opened: list[World] = []

    def one() -> World:
        name = f"worker-{len(opened)}"
        shared = request.param == "shared folder"
        opened.append(RowWorld(url, name) if url else World(tmp_path, name, shared=shared))
        return opened[-1]

    yield one
    for each in opened:
        each.close()


@pytest.fixture
def here(another: Another) -> World:
    return another()


def job(here: World, run_id: str, *after: str, ended: tuple[str, ...] = (), **facts: Any) -> NewJob:
    keys = tuple(here.job(one).key for one in after), tuple(here.job(one).key for one in ended)
    return here.job(run_id, after=Predecessors(*keys), **facts)


def submit(here: World, run_id: str, *after: str, ended: tuple[str, ...] = (), **facts: Any) -> str:
    new = job(here, run_id, *after, ended=ended, **facts)
    return here.queue.submit(new, prepare=lambda: here._make_run(run_id)).row.key


def row(here: World, run_id: str) -> JobRow:
    found = here.store.load(here.job(run_id).key)
    assert found is not None
    return found


def states(here: World, *run_ids: str) -> list[str]:
    return [str(row(here, one).state) for one in run_ids]


def end(here: World, outcome: AttemptOutcome | None = None) -> str:
    """Run the next job to its end; returns its run."""
    claim = here.claimed()
    assert here.finish(claim, outcome) in ENDED
    return claim.row.run_id


def test_a_job_runs_once_all_that_it_runs_after_are_done(here: World) -> None:
    submit(here, "a")
    submit(here, "b")
    submit(here, "c", "a", "b")
    claims = [here.claimed(), here.claimed()]
    assert here.claim() is None
    here.finish(claims[0])
    assert here.claim() is None
    assert predecessors.is_held(row(here, "c"))
    here.finish(claims[1])
    assert end(here) == "c"
    for one in "abc":
        here.assert_promise(one, state=JobState.DONE)


def test_a_chain_runs_in_its_order_in_whichever_it_was_submitted(here: World) -> None:
    submit(here, "a", priority=9)
    submit(here, "b", "a", priority=0)
    submit(here, "c", "b", priority=5)
    submit(here, "d", "c", "a")
    assert [end(here) for _ in "abcd"] == ["a", "b", "c", "d"]
    assert here.claim() is None


@pytest.mark.parametrize("outcome", [None, FAILED], ids=["done", "failed"])
def test_a_job_after_the_end_of_another_runs_however_that_ends(here: World, outcome: AttemptOutcome | None) -> None:
    submit(here, "a")
    submit(here, "b", ended=("a",))
    assert end(here, outcome) == "a"
    assert end(here) == "b"


def test_a_predecessor_that_fails_cancels_its_dependents_with_the_reason_and_theirs(here: World) -> None:
    key = submit(here, "a")
    submit(here, "b", "a")
    between = submit(here, "c", "b")
    submit(here, "d", "c")
    submit(here, "e", ended=("c",))
    end(here, FAILED)
    assert end(here) == "e"
    assert states(here, *"abcde") == ["failed", "cancelled", "cancelled", "cancelled", "done"]
    for one, why in (("b", f"job {key}, which failed (configuration: the model"), ("d", f"job {between}, which was")):
        assert row(here, one).cause == Cause.PREDECESSOR
        assert why in (row(here, one).message or "")
        here.assert_promise(one, state=JobState.CANCELLED)


def test_a_predecessor_that_is_cancelled_cancels_its_dependents(here: World) -> None:
    key = submit(here, "a")
    submit(here, "b", "a")
    here.queue.admin.cancel(key)
    assert states(here, "a", "b") == ["cancelled", "cancelled"]
    assert key in (row(here, "b").message or "")


def test_a_retried_predecessor_opens_its_dependents_again_and_theirs(here: World) -> None:
    key = submit(here, "a")
    submit(here, "b", "a")
    submit(here, "c", "b")
    end(here, FAILED)
    assert here.claim() is None
    assert states(here, "b", "c") == ["cancelled", "cancelled"]
    here.queue.admin.retry(key)
    assert states(here, "a", "b", "c") == ["queued"] * 3
    assert (row(here, "b").cause, row(here, "b").message) == (None, None)
    assert [end(here) for _ in "abc"] == ["a", "b", "c"]


def test_a_dependent_that_a_person_cancelled_stays_so_when_its_predecessor_is_retried(here: World) -> None:
    key = submit(here, "a")
    other = submit(here, "b", "a")
    here.queue.admin.cancel(other)
    end(here, FAILED)
    here.queue.admin.retry(key)
    assert end(here) == "a"
    assert here.claim() is None
    assert (row(here, "b").state, row(here, "b").cause) == ("cancelled", Cause.CANCELLED)


def test_a_dependent_of_two_that_failed_opens_again_once_both_are_retried(here: World) -> None:
    keys = [submit(here, one) for one in "ab"]
    submit(here, "c", "a", "b")
    end(here, FAILED)
    end(here, FAILED)
    assert here.claim() is None
    here.queue.admin.retry(keys[0])
    assert states(here, "c") == ["cancelled"]
    here.queue.admin.retry(keys[1])
    assert states(here, "c") == ["queued"]
    assert [end(here) for _ in "abc"] == ["a", "b", "c"]


def test_a_dependent_cannot_be_retried_alone_and_says_what_it_waits_for(here: World) -> None:
    key = submit(here, "a")
    other = submit(here, "b", "a")
    end(here, FAILED)
    assert here.claim() is None
    with pytest.raises(JobStateError, match=f"it is to run after job {key}, which failed .*; retry that one"):
        here.queue.admin.retry(other)
    here.assert_promise("b", state=JobState.CANCELLED)


def test_a_dependent_that_is_retried_waits_again_for_what_has_not_ended(here: World) -> None:
    submit(here, "a")
    other = submit(here, "b", "a")
    here.queue.admin.cancel(other)
    assert predecessors.is_held(here.queue.admin.retry(other))
    assert [end(here), end(here)] == ["a", "b"]


def test_a_retried_job_whose_predecessors_are_done_runs_at_once(here: World) -> None:
    submit(here, "a")
    other = submit(here, "b", "a")
    end(here)
    assert end(here, FAILED) == "b"
    here.queue.admin.retry(other)
    assert end(here) == "b"


def test_a_rerun_predecessor_leaves_alone_what_has_begun(here: World) -> None:
    key = submit(here, "a")
    submit(here, "b", "a")
    end(here)
    claim = here.claimed()
    here.queue.admin.rerun(key)
    assert here.finish(claim) is JobState.DONE
    assert end(here) == "a"
    assert states(here, "a", "b") == ["done", "done"]


def test_what_has_ended_at_the_submission_counts_as_it_ended(here: World) -> None:
    submit(here, "a")
    end(here)
    submit(here, "b")
    end(here, FAILED)
    submit(here, "c", "a")
    submit(here, "d", "b")
    submit(here, "e", "a", ended=("b",))
    assert {end(here), end(here)} == {"c", "e"}
    assert here.claim() is None
    assert states(here, "c", "d", "e") == ["done", "cancelled", "done"]


def test_a_time_of_its_own_still_counts_after_the_others_have_ended(here: World) -> None:
    submit(here, "a")
    soon = here.queue._there.now_ns() if isinstance(here, RowWorld) else time.time_ns()
    key = submit(here, "b", "a", not_before_ns=soon + 600 * 10**9)
    end(here)
    assert here.claim() is None
    assert row(here, "b").ready_ns == soon + 600 * 10**9
    here.queue.admin.reschedule(key, not_before_ns=0)
    assert end(here) == "b"


def test_the_place_of_a_waiting_job_can_be_changed_and_it_still_waits(here: World) -> None:
    submit(here, "a")
    key = submit(here, "b", "a")
    after = here.queue.admin.reschedule(key, priority=1, not_before_ns=0)
    assert after.priority == 1
    assert predecessors.is_held(after)
    assert [end(here), end(here)] == ["a", "b"]


def test_a_job_that_is_not_there_or_itself_is_refused_and_nothing_is_submitted(here: World) -> None:
    with pytest.raises(JobError, match="which it is to run after, is not in this queue"):
        submit(here, "b", "a")
    key = here.job("b").key
    assert here.store.load(key) is None
    with pytest.raises(JobError, match="is not in this queue"):
        submit(here, "b", "b")
    submit(here, "b")
    end(here)
    with pytest.raises(JobError, match=f"it would wait for itself: {key} after {key}"):
        here.queue.submit(job(here, "b", "b"), rerun=True)
    here.assert_promise("b", state=JobState.DONE)


def test_a_cycle_is_refused_with_the_way_around(here: World) -> None:
    a = submit(here, "a")
    b = submit(here, "b", "a")
    c = submit(here, "c", "b")
    for _ in "abc":
        end(here)
    with pytest.raises(JobError, match=f"it would wait for itself: {a} after {c} after {b} after {a}"):
        here.queue.submit(job(here, "a", "c"), rerun=True)
    here.assert_promise("a", state=JobState.DONE)


def test_a_rerun_has_the_predecessors_of_its_own_submission(here: World) -> None:
    submit(here, "a")
    submit(here, "b", "a")
    end(here)
    end(here)
    here.submit("c")
    here.queue.submit(job(here, "b", "c"), rerun=True)
    assert predecessors.is_held(row(here, "b"))
    assert [end(here), end(here)] == ["c", "b"]
    here.queue.submit(here.job("b"), rerun=True)
    assert row(here, "b").predecessors is None
    assert end(here) == "b"


@pytest.mark.slow
def test_many_jobs_wait_for_one_and_are_released_in_their_order(here: World) -> None:
    submit(here, "a", priority=9)
    names = [f"m{number:03d}" for number in range(dependents.AT_ONCE + 44)]
    bulk = [BulkJob(job(here, one, "a"), lambda one=one: here._make_run(one)) for one in names]  # type: ignore[misc]
    assert sum(map(len, here.queue.submit_all(bulk))) == len(names)
    claim = here.claimed()
    assert claim.row.run_id == "a"
    assert here.claim() is None
    here.finish(claim)
    ran = [end(here) for _ in names]
    assert sorted(ran) == names
    assert here.claim() is None
    assert row(here, "a").awaited == 0


def test_an_ended_job_that_others_wait_for_is_not_pruned_before_they_know(here: World) -> None:
    submit(here, "a")
    submit(here, "b", "a")
    end(here)
    items = list(here.queue.admin.prunable({"done"}, 2**62))
    assert [item.name for item in items] == [row(here, "a").key]
    assert here.queue.admin.prune(items) == []
    claim = here.claimed()
    assert [item.name for item in here.queue.admin.prune(items)] == [row(here, "a").key]
    assert here.finish(claim, FAILED) is JobState.FAILED
    here.queue.admin.retry(claim.key)
    assert end(here) == "b", "a pruned job counts as what it was"


@pytest.mark.parametrize("outcome", [None, FAILED], ids=["done", "failed"])
def test_what_a_worker_that_was_killed_left_to_do_another_does(
    another: Another, here: World, outcome: AttemptOutcome | None
) -> None:
    """The end is written; nobody has told the dependents, nor was anybody woken."""
    submit(here, "a")
    submit(here, "b", "a")
    submit(here, "c", ended=("b",))
    claim = here.claimed()
    claim.settle(outcome or AttemptOutcome(Cause.DONE))
    there = another()
    assert end(there) == ("b" if outcome is None else "c")
    assert states(there, "b") == ["done" if outcome is None else "cancelled"]


def test_a_retry_that_was_killed_before_it_opened_the_dependents_loses_none(
    another: Another, here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = submit(here, "a")
    submit(here, "b", "a")
    end(here, FAILED)
    assert here.claim() is None
    monkeypatch.setattr(type(here.queue.admin), "_with_dependents", lambda _, row: row)
    here.queue.admin.retry(key)
    assert states(here, "a", "b") == ["queued", "cancelled"]
    there = another()
    assert [end(there), end(there)] == ["a", "b"]


def test_a_predecessor_that_is_retried_while_its_dependent_is_cancelled_opens_it_again(
    another: Another, here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry comes after the look has found the failed predecessor, and before it moves the dependent."""
    key = submit(here, "a")
    submit(here, "b", "a")
    end(here, FAILED)
    there = another()
    decide = dependents.Resolution.decide

    def late(self: dependents.Resolution, read: JobRow) -> Any:
        change = decide(self, read)
        assert change.row.state == JobState.CANCELLED
        return change

    make = dependents._only_linked

    def retried_before(store: Any, queue_id: str, one: JobRow) -> bool:
        monkeypatch.setattr(dependents, "_only_linked", make)
        there.queue.admin.retry(key)
        return make(store, queue_id, one)

    monkeypatch.setattr(dependents, "_only_linked", retried_before)
    assert end(here) == "a"
    assert end(here) == "b"
    submit(here, "c")
    end(here, FAILED)
    submit(here, "d", "c")
    monkeypatch.setattr(dependents.Resolution, "decide", late)
    assert here.claim() is None
    monkeypatch.setattr(dependents.Resolution, "decide", decide)
    there.queue.admin.retry(row(here, "c").key)
    assert states(there, "c", "d") == ["queued", "queued"]


@pytest.mark.few(6)
@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_every_job_ends_as_its_predecessors_say(another: Another, here: World, seed: int) -> None:
    """Random graphs, failures, retries and cancels by two workers; then all is run to its end."""
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(9)]
    for number, name in enumerate(names):
        before = chance.sample(names[:number], min(number, chance.choice([0, 1, 1, 2])))
        ended = tuple(one for one in before if chance.random() < 0.3)
        submit(here, name, *(one for one in before if one not in ended), ended=ended, priority=chance.randrange(10))
    worlds = [here, another()]
    for _ in range(40):
        world = chance.choice(worlds)
        if chance.random() < 0.6 and (claim := world.claim()) is not None:
            wanted = predecessors.of(claim.row)
            if claim.attempt == 1:
                assert all(row(world, _run_of(world, names, key)).state in ENDED for key in wanted.ended)
            world.finish(claim, FAILED if chance.random() < 0.4 else None)
        elif chance.random() < 0.5:
            _try(world.queue.admin.retry, row(world, chance.choice(names)).key)
        elif chance.random() < 0.2:
            _try(world.queue.admin.cancel, row(world, chance.choice(names)).key)
    for world in worlds:
        world.drain()
    here.drain()
    for name in names:
        found = row(here, name)
        assert found.state in ENDED, f"{name} is {found.state} for ever"
        bad = predecessors.verdict(predecessors.of(found), here.store.load_each(predecessors.of(found).keys)).bad
        if found.cause == Cause.PREDECESSOR:
            assert bad, f"{name} is cancelled, though nothing that it runs after has a bad end"
        here.assert_promise(name, ended_by_people=9)
    assert here.store.owing(found.queue_id, 9) == []


def _run_of(here: World, names: list[str], key: str) -> str:
    return next(one for one in names if here.job(one).key == key)


def _try(ask: Callable[[str], JobRow], key: str) -> None:
    try:
        ask(key)
    except JobStateError:
        return
