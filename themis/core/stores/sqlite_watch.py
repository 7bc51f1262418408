"""Jobs and their runs for whoever looks on, from a SQLite file that is only read."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from themis.core.canonical import content_hash
from themis.core.errors import StoreError
from themis.core.stores.job_rows import Owner
from themis.core.stores.sql import runs, watch
from themis.core.stores.sqlite_database import Database
from themis.core.stores.sqlite_schema import is_usable

_PATIENCE_S = 0.5
_SHAPES = (8, 64, 512)  # few, as SQLite keeps every statement that it compiled
_REMEMBERED = 4_096


class WatchedJob(NamedTuple):
    """A job and its run. Times are nanoseconds since 1970 UTC; the fields are those of `JobRow` and `RunRecord`.

    Attributes:
        run_no, snapshot: the run's number and its snapshot's hash in this store.
    """

    key: str
    run_id: str
    state: str
    attempt: int
    cancel_requested: bool
    submitted_ns: int
    ready_ns: int | None
    started_ns: int | None
    ended_ns: int | None
    cause: str | None
    message: str | None
    owner: Owner | None
    run_no: int
    total: int
    snapshot: str


class RunNames(NamedTuple):
    """What a run is about.

    Attributes:
        generator: its id.
        datasets: their ids.
        kinds: equal in runs that should take as long for a case: whose generation and metrics are the same; and, more
            widely, whose generator is.
    """

    generator: str
    datasets: tuple[str, ...]
    kinds: tuple[str, str]


UNKNOWN_NAMES = RunNames("?", (), ("", "?"))


class SqliteWatch:
    """Reads a store that others write; it is never written, nor made.

    Args:
        path: the file.
        schema: whose tables it must have.

    Raises:
        StoreError: on any use, when it cannot be read now, or its schema is older, or too new.
    """

    def __init__(self, path: Path, schema: int) -> None:
        """Nothing is opened yet."""
        self._schema = schema
        self._database = _ReadOnly(path, busy_timeout_s=_PATIENCE_S, retry_attempts=0)
        self._names: dict[str, RunNames] = {}
        self._is_known = False

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def jobs(self, keys: Sequence[str]) -> dict[str, WatchedJob]:
        """Those of the jobs that this store has, by key."""
        found: dict[str, WatchedJob] = {}
        for start in range(0, len(keys), _SHAPES[-1]):
            portion = keys[start : start + _SHAPES[-1]]
            shape = next(size for size in _SHAPES if size >= len(portion))
            places = [*portion, *[portion[-1]] * (shape - len(portion))]
            found |= {row[0]: _job(row) for row in self._query(watch.select_named(shape), places)}
        return found

    def last_ended(self, queue_id: str, limit: int) -> list[WatchedJob]:
        """The jobs of a queue that ended last, the latest first; looks at every row."""
        return [_job(row) for row in self._query(watch.SELECT_LAST_ENDED, (queue_id, limit))]

    def count_cases(self, job: WatchedJob) -> tuple[int, int]:
        """How many cases of a job's run ended, and how many of those failed; looks at each."""
        done, failed = self._query(runs.COUNT_CASES, (job.run_no,))[0]
        return done, failed

    def names(self, job: WatchedJob) -> RunNames:
        """What a job's run is about; read once."""
        known = self._names.get(job.snapshot)
        if known is None:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            found = self._query(runs.SELECT_BLOB, (job.snapshot,))
            known = self._names[job.snapshot] = _names(bytes(found[0][0])) if found else UNKNOWN_NAMES
        return known

    def _query(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        if not self._is_known:
            self._check_schema()
            self._is_known = True
        return self._database.query(statement, values)

    def _check_schema(self) -> None:
        path = self._database.path
        found = self._database.query("PRAGMA user_version")[0][0]
        if not is_usable(found, self._schema):
            raise StoreError(
                path=path, detail=f"is of schema {found}, of which only schema {self._schema} is read here"
            )


class _ReadOnly(Database):
    """A database that is there, opened for reading alone."""

    def _open(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise StoreError(path=self.path, detail="is not there")
        return self._patiently(self._connect)

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)


def _job(row: tuple[Any, ...]) -> WatchedJob:
    key, run_id, state, attempt, cancel_requested, *rest = row
    before, who, run = rest[:6], rest[6:11], rest[11:]
    owner = None if who[0] is None else Owner(*who)
    values = (key, run_id, state, attempt, bool(cancel_requested), *before, owner, *run)
    return WatchedJob(*values)


def _names(data: bytes) -> RunNames:
    """What a snapshot's text says of it; another version's may say it differently."""
    try:
        document = json.loads(data)
        identity, refs = document["identity"], document["component_refs"]
        generator = str(refs["generator"]["component_id"])
        datasets = tuple(str(dataset["dataset_id"]) for dataset in document["datasets"])
        parts = [identity[name] for name in ("generator", "candidate_policy", "generation_prompt_spec", "metrics")]
        return RunNames(generator, datasets, (content_hash(parts), generator))
    except (ValueError, KeyError, TypeError, RecursionError):
        return UNKNOWN_NAMES
