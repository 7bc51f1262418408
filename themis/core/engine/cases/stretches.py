"""Stretches of an evaluation: consecutive parts whose components share a thread."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from themis.core.engine.calls.call_thread import Call, CallThread
from themis.core.engine.calls.sync_calls import SyncCalls
from themis.core.engine.cases.branches import Branch
from themis.core.engine.cases.one_evaluation import Part


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive parts of the evaluation that share a thread.

    Attributes:
        waiting: calls that the thread gets at the end of this turn of the event loop.
    """

    thread: CallThread
    parts: list[Part]
    waiting: list[Call] = field(default_factory=list)


def stretched(branches: Iterable[Branch], calls: SyncCalls, *, is_observed: bool) -> list[tuple[Branch, list[Stretch]]]:
    """Return each branch with its stretches; a part is one of its own where observers hear of it on the event loop."""
    found = []
    for branch in branches:
        threads = [(calls.thread_of(part.step.component, part.step.stage), part) for part in branch.parts]
        if is_observed:
            found.append((branch, [Stretch(thread, [part]) for thread, part in threads]))
        else:
            neighbours = groupby(threads, key=itemgetter(0))
            found.append((branch, [Stretch(thread, [part for _, part in several]) for thread, several in neighbours]))
    return found
