"""Dependents: the jobs that run after another one, and their moves once that has ended or was queued again.

A move stays one of one job. The end of a predecessor is only written; a look finds the predecessors for whose
dependents something is to be done, by marks in their rows, and moves the dependents one by one. Every worker looks, so
that nothing is lost when one of them dies between two of these moves, and a move that was made is not made again, as it
removes the link that led to it.

What a dependent becomes is decided by the rows of its predecessors in the transaction that writes it, together with its
links and their marks. So a predecessor that is retried at that moment is seen, or finds the link of the cancelled
dependent afterwards. The order was tried on an exhaustive model: without the marks of cancelled dependents, or if a
mark is removed without a look at the links, jobs are left waiting for ever.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from themis.core.errors import JobError
from themis.core.queue.model import predecessors, states
from themis.core.queue.model.predecessors import Verdict
from themis.core.queue.model.states import ENDED, JobState
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.dependents import CANCELLED, WAITS

AT_ONCE = 128
"""Number of dependents that one look moves: the next claims do not wait for all of very many."""

_ROUNDS = 64
_MOST_FOLLOWED = 1_000


class Looked(NamedTuple):
    """Result of a look at dependents: how many were moved, and whether there may be more of them now."""

    moved: int
    has_more: bool


class HeldJobs(NamedTuple):
    """Jobs of a queue that wait for others: their number, and the rows of the first."""

    number: int
    first: list[JobRow]


@dataclass(slots=True)
class Resolution:
    """Decision about one dependent, and its links, inside the transaction of its move.

    Attributes:
        store: store of the dependent and its predecessors.
        now_ns: the current time.
        name: name of the move, for the history.
        only: name of the only move that it makes; None for any.
    """

    store: JobStore
    now_ns: int
    name: str = "release"
    only: str | None = None
    _key: str = ""
    _known: tuple[str, ...] = ()
    _marks: dict[str, int] = field(default_factory=dict)

    def decide(self, read: JobRow) -> Change:
        """Return the change of a dependent; one for which nothing is to be done only gets its next version."""
        found = _judged(self.store, read)
        self._key, self._known = read.key, predecessors.of(read).keys
        self._marks = _marks(read, found)
        change = self._change(read, found)
        if self.only is not None and self.name != self.only:
            self._key = ""
            return states.recovered(read, self.now_ns)
        return change

    def _change(self, read: JobRow, found: Verdict) -> Change:
        self.name = "release"
        if predecessors.is_held(read) and found.bad:
            self.name = "cancel"
            return predecessors.cancelled(read, found.bad, self.now_ns)
        if predecessors.is_held(read) and not found.waits:
            return predecessors.released(read, self.now_ns)
        if predecessors.is_cancelled_for_others(read) and not found.bad:
            self.name = "reopen"
            opened = predecessors.opened_again(read, self.now_ns)
            if found.waits:
                return opened
            return Change(opened.row._replace(ready_ns=predecessors.of(opened.row).not_before_ns))
        return states.recovered(read, self.now_ns)

    def write_links(self) -> None:
        """Write the links that the dependent has from now on."""
        if self._key:
            self.store.link(self._key, self._known, self._marks)


Make = Callable[[JobStore, JobRow], bool]
"""Makes the move of a dependent; False when it has to be tried again later."""


def look(store: JobStore, queue_id: str, make: Make, most: int = AT_ONCE) -> Looked:
    """Move the dependents of a queue for which something is to be done, looking at `most` at once.

    Raises:
        StoreError: the store cannot be used.
    """
    looked = moved = 0
    for _ in range(_ROUNDS):  # a dependent that is cancelled has dependents of its own
        before = looked
        for row, mark in store.owing(queue_id, most):
            left = 0
            while looked < most and (page := store.dependents(row.key, mark, most, skip=left)):
                random.shuffle(page)  # others look too, and would be after the same job at each step
                for one in page[: most - looked]:
                    looked += 1
                    if _only_linked(store, queue_id, one):
                        continue
                    is_made = make(store, one)
                    moved, left = moved + is_made, left + (not is_made)
            if looked >= most:
                return Looked(moved, has_more=True)
            if not left:
                store.unmark(row.key, mark)
        if looked == before:
            break
    return Looked(moved, has_more=False)


def _only_linked(store: JobStore, queue_id: str, row: JobRow) -> bool:
    """Write the links of a dependent that needs no move, and return whether it needs none."""
    with store.transaction(synced=False):  # what is lost is done again
        read = store.load_each([row.key]).get(row.key)
        if read is None or read.queue_id != queue_id:
            store.link(row.key, predecessors.of(row).keys, {})
            return True
        found = _judged(store, read)
        if predecessors.is_held(read):
            is_moved = bool(found.bad) or not found.waits
        else:
            is_moved = predecessors.is_cancelled_for_others(read) and not found.bad
        if not is_moved:
            store.link(read.key, predecessors.of(read).keys, _marks(read, found))
        return not is_moved


def _judged(store: JobStore, row: JobRow) -> Verdict:
    wanted = predecessors.of(row)
    return predecessors.verdict(wanted, store.load_each(wanted.keys))


def _marks(row: JobRow, found: Verdict) -> dict[str, int]:
    """Return the links of a dependent: to those that it waits for, or to those because of which it is cancelled."""
    if not (predecessors.is_held(row) or predecessors.is_cancelled_for_others(row)):
        return {}
    return dict.fromkeys(found.bad, CANCELLED) if found.bad else dict.fromkeys(found.waits, WAITS)


def queued_after(store: JobStore, row: JobRow, before: JobRow | None = None) -> tuple[JobRow, Mapping[str, int]]:
    """Return a job that is to be queued as it waits for its predecessors, if it does, and its links.

    Called in the transaction that writes the job; `link` follows there.

    Args:
        store: store of the job.
        row: the job, as it is to be queued.
        before: the same job as it is now; None for a new one.

    Raises:
        JobError: a predecessor is not in the job's queue, or the job would run after itself.
    """
    wanted = predecessors.of(row)
    if not wanted.keys:
        return row, {}
    if len(wanted.keys) > predecessors.MOST:
        detail = f"it is to run after {len(wanted.keys):,} jobs; {predecessors.MOST:,} are allowed"
        raise JobError(key=row.key, detail=detail)
    rows = store.load_each(wanted.keys)
    for key in wanted.keys:
        if key not in rows or rows[key].queue_id not in {row.queue_id, states.NO_QUEUE}:
            raise JobError(key=row.key, detail=f"job {key}, which it is to run after, is not in this queue")
    _refuse_cycle(store, row.key, rows, is_new=before is None)
    found = predecessors.verdict(wanted, rows)
    if not found.bad and not found.waits:
        return row, {}
    # Also those that have a bad end: the next look cancels it, as it would if they had ended a moment later.
    return predecessors.held(row), dict.fromkeys((*found.waits, *found.bad), WAITS)


def _refuse_cycle(store: JobStore, key: str, rows: Mapping[str, JobRow], *, is_new: bool) -> None:
    """Refuse a job that would run after itself; a new one has no dependents that could lead to it."""
    way: dict[str, str] = dict.fromkeys(rows, key)
    pending = list(rows.values())
    while pending:
        row = pending.pop()
        if row.key == key:
            cycle = [key]
            while (one := way[cycle[-1]]) != key:
                cycle.append(one)
            told = " after ".join([key, *reversed(cycle[1:]), key]) if len(cycle) > 1 else f"{key} after {key}"
            raise JobError(key=key, detail=f"it would wait for itself: {told}")
        if is_new:
            continue
        new = [one for one in predecessors.of(row).keys if one not in way]
        way.update(dict.fromkeys(new, row.key))
        pending += store.load_each(new).values()


def why_not_again(store: JobStore, row: JobRow) -> str | None:
    """Return why a job cannot be queued again by itself: a predecessor has a bad end; None when it can."""
    found = _judged(store, row)
    if not found.bad:
        return None
    key = next(iter(found.bad))
    return f"it is to run after {found.bad[key]}; retry that one: then this one is queued again too"


def may_be_released_soon(store: JobStore, queue_id: str, takes: Callable[[JobRow], bool]) -> bool:
    """Whether a job that waits for others, and that `takes` accepts, waits for one that is running, or for its like."""
    pending, seen = store.awaited(queue_id, JobState.RUNNING, AT_ONCE), set[str]()
    while pending and len(seen) < _MOST_FOLLOWED:
        for one in store.dependents(pending.pop().key, WAITS, AT_ONCE):
            if one.key in seen:
                continue
            seen.add(one.key)
            if takes(one):
                return True
            if one.awaited & WAITS:
                pending.append(one)
    return False


def waited_for(store: JobStore, row: JobRow) -> list[str]:
    """Return the jobs that a job waits for, each with its state, as texts for people."""
    wanted = predecessors.of(row)
    if not predecessors.is_held(row):
        return []
    rows = store.load_each(wanted.keys)
    must = dict.fromkeys(wanted.ended, "ended") | dict.fromkeys(wanted.done, "done")
    return [
        f"job {key}, which is {rows[key].state}, to be {must[key]}" for key in predecessors.verdict(wanted, rows).waits
    ]


def is_ended_and_awaited(row: JobRow) -> bool:
    """Whether workers are to be woken for the dependents of a job."""
    return bool(row.awaited) and row.state in ENDED


def add(store: JobStore, row: JobRow, manifest: str) -> JobRow | None:
    """Add a job with its links, in a transaction of the caller; return its row, or None when its key exists already.

    Raises:
        JobError: as `queued_after` does.
    """
    queued, marks = queued_after(store, row)
    if not store.add(queued, manifest):
        return None
    if marks:
        store.link(queued.key, marks, marks)
    return queued


@dataclass(slots=True)
class QueuedAgain:
    """Change that queues an ended job again, as it waits for its predecessors then.

    Attributes:
        store: store of the job.
        queued: returns the job as it is to be queued.
    """

    store: JobStore
    queued: Callable[[JobRow], Change]
    _key: str = ""
    _known: tuple[str, ...] = ()
    _marks: Mapping[str, int] = field(default_factory=dict)

    def decide(self, read: JobRow) -> Change:
        """Return the change.

        Raises:
            JobError: as `queued_after` does; ask before anything is moved.
        """
        found = self.queued(read)
        row, self._marks = queued_after(self.store, found.row, read)
        self._key, self._known = read.key, predecessors.of(read).keys
        return replace(found, row=row)

    def write_links(self) -> None:
        """Write the links that the job has from now on."""
        if self._known or self._marks:
            self.store.link(self._key, self._known, self._marks)
