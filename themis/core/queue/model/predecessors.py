"""Predecessors of a job: the jobs that it runs after, what follows from their states, and the changes that this makes.

A job that waits for others is queued, with a time that never comes: `HELD_NS`. So no claim looks at it, however many
there are, nor does a worker of a version that knows nothing of predecessors take it. A worker that looks at a
predecessor which has ended releases its dependents, or cancels them; one that looks at a predecessor which was queued
again opens those that were cancelled because of it. Each of these is a change of one job.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from themis.core.queue.model import layout, states
from themis.core.queue.model.states import ENDED, Cause, JobState
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.queues.dependents import HELD_NS
from themis.core.text.canonical import compact_json

assert HELD_NS == layout.LATEST_NS, "a time that no job can be given, see `refuse_place`"  # noqa: S101

HELD_STAMP = layout.stamp(HELD_NS)

MOST = 1_000
"""Largest number of predecessors of a job."""

_SHOWN_CHARACTERS = 200


class Predecessors(NamedTuple):
    """Jobs that a job runs after, by their keys.

    Attributes:
        done: those that must be done; if one fails or is cancelled, the job is cancelled.
        ended: those that must have ended, however.
        not_before_ns: time before which the job is not claimed in any case; None for none.
    """

    done: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    not_before_ns: int | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.done, *self.ended)))

    def text(self) -> str:
        """Return the text that a job's row has."""
        found = {name: value for name, value in self._asdict().items() if value}
        return compact_json(found)


NONE = Predecessors()


class Verdict(NamedTuple):
    """Consequence for a job of the states of its predecessors.

    Attributes:
        waits: keys of those that have not ended.
        bad: those that have ended so that the job is not to run, each with its end, for people.
    """

    waits: tuple[str, ...]
    bad: Mapping[str, str]


def of(row: JobRow) -> Predecessors:
    """Return the predecessors of a job."""
    if row.predecessors is None:
        return NONE
    found = json.loads(row.predecessors)
    return Predecessors(tuple(found.get("done", ())), tuple(found.get("ended", ())), found.get("not_before_ns"))


def verdict(wanted: Predecessors, rows: Mapping[str, JobRow]) -> Verdict:
    """Return what follows from the rows of predecessors; one without a row counts as failed."""
    bad = {key: _end_of(key, rows.get(key)) for key in wanted.done if _is_bad(rows.get(key))}
    waits = tuple(key for key in wanted.keys if key in rows and rows[key].state not in ENDED)
    return Verdict(waits, bad)


def is_held(row: JobRow) -> bool:
    """Whether a job waits for others."""
    return row.state == JobState.QUEUED and row.ready_ns == HELD_NS


def waits_for(row: JobRow) -> tuple[str, ...]:
    """Return the keys of the jobs that a job runs after, while it waits; of those, some may have ended."""
    return of(row).keys if is_held(row) else ()


def own_time_ns(row: JobRow) -> int | None:
    """Return the time before which a job is not claimed, apart from others that it waits for; None for none."""
    return of(row).not_before_ns if row.ready_ns == HELD_NS else row.ready_ns


def is_cancelled_for_others(row: JobRow) -> bool:
    """Whether a job was cancelled because of a predecessor."""
    return row.state == JobState.CANCELLED and row.cause == Cause.PREDECESSOR


def held(row: JobRow) -> JobRow:
    """Return a queued job as it waits for its predecessors; its own time is kept with them."""
    if row.ready_ns == HELD_NS:
        return row
    return row._replace(ready_ns=HELD_NS, predecessors=of(row)._replace(not_before_ns=row.ready_ns).text())


def released(row: JobRow, now_ns: int) -> Change:
    """Release a job that waits for others: it is in the place of its submission, not before its own time."""
    return states.rescheduled(row, now_ns, ready_ns=of(row).not_before_ns or 0)


def cancelled(row: JobRow, bad: Mapping[str, str], now_ns: int) -> Change:
    """Cancel a job that waits for others, because of the first that has a bad end."""
    after = states.cancelled(row, now_ns).row
    return Change(after._replace(cause=Cause.PREDECESSOR, message=f"it was to run after {next(iter(bad.values()))}"))


def opened_again(row: JobRow, now_ns: int) -> Change:
    """Queue a job again that was cancelled because of a predecessor; it waits."""
    after = states.sent_back(row, now_ns).row
    return Change(held(after._replace(submitted_ns=row.submitted_ns, cause=None, message=None)))


def rescheduled(row: JobRow, now_ns: int, *, priority: int | None = None, ready_ns: int | None = None) -> Change:
    """Change the priority or the time of a queued job, see `states.rescheduled`; one that is held stays so."""
    if not is_held(row):
        return states.rescheduled(row, now_ns, priority=priority, ready_ns=ready_ns)
    after = states.rescheduled(row, now_ns, priority=priority).row
    if ready_ns is not None:
        later = ready_ns if ready_ns > now_ns else None
        after = after._replace(predecessors=of(row)._replace(not_before_ns=later).text())
    return Change(after)


def listed(keys: Iterable[str], most: int = 3) -> str:
    """Return keys as a text for people: the first ones, and the number of the others."""
    found = list(keys)
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def _is_bad(row: JobRow | None) -> bool:
    return row is None or row.state in {JobState.FAILED, JobState.CANCELLED}


def _end_of(key: str, row: JobRow | None) -> str:
    if row is None:
        return f"job {key}, which is not in the results store"
    word = "failed" if row.state == JobState.FAILED else "was cancelled"
    message = row.message or ""
    told = message if len(message) <= _SHOWN_CHARACTERS else f"{message[:_SHOWN_CHARACTERS]}…"
    cause = "" if row.state == JobState.CANCELLED else f"{row.cause}: "
    return f"job {key}, which {word}" + (f" ({cause}{told})" if told or cause else "")
