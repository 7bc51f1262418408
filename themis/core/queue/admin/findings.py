"""Findings of the doctor, and those about jobs that run after others, in every kind of queue."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from themis.core.queue.model.predecessors import listed
from themis.core.queue.model.states import JobState
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.dependents import WAITS

_MOST = 1_000
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """Something out of place.

    Attributes:
        what: a job's key, or a path.
        problem: description of the problem.
        action: the repair; None when there is no automatic one.
        advice: advice for the operator; None when nothing is left to do.
        fixed: whether the repair was made.
        harmless: whether nothing needs to be done.
    """

    what: str
    problem: str
    action: str | None = None
    advice: str | None = None
    fixed: bool = False
    harmless: bool = False


def of_dependents(store: JobStore, queue_id: str, look: Callable[[], object], *, fix: bool) -> Iterator[Finding]:
    """Yield predecessors whose dependents have not heard of their end, which `look` repairs, and who waits for whom."""
    owing = store.owing(queue_id, _MOST)
    if fix and owing:
        look()
    left = {(one.row.key, one.mark) for one in store.owing(queue_id, _MOST)} if fix else set()
    for row, mark in owing:
        fixed = fix and (row.key, mark) not in left
        problem = "jobs that wait for it have not been told" if mark == WAITS else "jobs are cancelled because of it"
        action = "released, or cancelled" if mark == WAITS else "queued again"
        yield Finding(row.key, f"is {row.state}, and {problem}", action, fixed=fixed)
    for state in (JobState.RUNNING, JobState.QUEUED):
        for row in store.awaited(queue_id, state, _MOST):
            keys = [one.key for one in store.dependents(row.key, WAITS, _NAMED + 1)]
            if keys:
                more = " and more" if len(keys) > _NAMED else ""
                told = f"is {state}, and is waited for by {listed(keys[:_NAMED])}{more}"
                yield Finding(row.key, told, advice="nothing needs to be done", harmless=True)
