"""Merging of what a run has spent: each execution counts once, through however many stores it comes.

Executions are numbered in each store. So the target notes, in `store_meta`, under which numbers it keeps those of each
other store; also of those that came to the source from a third one.
"""

import json
from typing import Any

from themis.core.errors import StoreCorruptError
from themis.core.stores.merging.port import MergeSource
from themis.core.stores.merging.spends import fuller
from themis.core.stores.reading import RunRow
from themis.core.stores.sql import run_statements
from themis.core.stores.sql.job_statements import SELECT_META, TOUCH_META
from themis.core.stores.sql.run_store import SqlRunStore

_AFTER_ANY_NAME = "\x7f"


def note_added(connection: Any, run_id: str, source: MergeSource) -> None:
    """Note that a run is in the target only because it was merged: its time of creation is that in another store."""
    connection.execute(TOUCH_META, (_added(run_id), source.store_id or ""))


def merge_spends(connection: Any, store: SqlRunStore, source: MergeSource, here: RunRow, run: RunRow) -> int:
    """Add the spends of executions that the target does not know; return how many were added or have grown."""
    theirs = dict(source.rows("spends", ("execution", "spend"), "WHERE run_no = ?", (run.run_no,)))
    if not theirs:
        return 0
    mine = dict(connection.execute(run_statements.SELECT_SPENDS, (here.run_no,)).fetchall())
    was_added = connection.execute(SELECT_META, (_added(run.run_id),)).fetchone() is not None
    own_names = _names(store.jobs.store_id, here, was_added=was_added)
    was_added_there = bool(source.rows("store_meta", ("value",), "WHERE key = ?", (_added(run.run_id),)))
    their_names = _names(source.store_id, run, was_added=was_added_there)
    origins = _origins(source, run.run_id)
    notes = _Notes(connection, run.run_id, max(mine, default=0))
    written = 0
    for execution, spend in sorted(theirs.items()):
        names, number = origins.get(execution, (their_names, execution))
        place = number if set(names) & set(own_names) else notes.place(names, number)
        kept = mine.get(place)
        now = spend if kept is None else fuller(kept, spend)
        if now != kept:
            mine[place] = now
            connection.execute(run_statements.PUT_SPEND, (here.run_no, place, now))
            written += 1
    notes.save()
    return written


class _Notes:
    """Numbers in the target of the executions of other stores."""

    def __init__(self, connection: Any, run_id: str, last: int) -> None:
        self._connection = connection
        self._run_id = run_id
        self._last = last
        self._numbers: dict[str, dict[str, int]] = {}
        self._changed: set[str] = set()

    def place(self, names: tuple[str, ...], number: int) -> int:
        """Return the number of an execution in the target; a new one is the next."""
        known = self._of(names)
        if str(number) not in known:
            self._last += 1
            known[str(number)] = self._last
            self._changed.add(names[0])
        return known[str(number)]

    def save(self) -> None:
        """Write those that are new."""
        for name in sorted(self._changed):
            text = json.dumps(self._numbers[name], sort_keys=True)
            self._connection.execute(TOUCH_META, (_merged(self._run_id, name), text))

    def _of(self, names: tuple[str, ...]) -> dict[str, int]:
        if names[0] not in self._numbers:
            found = (self._connection.execute(SELECT_META, (_merged(self._run_id, name),)).fetchone() for name in names)
            text = next((row[0] for row in found if row is not None), "{}")
            self._numbers[names[0]] = json.loads(text)
        return self._numbers[names[0]]


def _names(store_id: str | None, run: RunRow, *, was_added: bool) -> tuple[str, ...]:
    """Return the names of a store as far as a run of it goes: its id, and one from before it had an id."""
    names = () if store_id is None else (store_id,)
    return names if was_added and names else (*names, f"created-{run.created_ms}")


def _origins(source: MergeSource, run_id: str) -> dict[int, tuple[tuple[str, ...], int]]:
    """Return, by the number of an execution in the source, the store that it came from and its number there."""
    prefix = _merged(run_id, "")
    rows = source.rows("store_meta", ("key", "value"), "WHERE key >= ? AND key < ?", (prefix, prefix + _AFTER_ANY_NAME))
    try:
        return {
            place: ((key.removeprefix(prefix),), int(number))
            for key, value in rows
            for number, place in json.loads(value).items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        detail = f"its note on merged executions of run {run_id[:12]} cannot be read"
        raise StoreCorruptError(path=source.label, detail=detail) from error


def _merged(run_id: str, name: str) -> str:
    return f"merged {run_id} {name}"


def _added(run_id: str) -> str:
    return f"added {run_id}"
