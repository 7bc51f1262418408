"""Runs in the tables of a database: the methods that are the same whatever the database is.

Outcomes are appended, with keys that make a repetition harmless; long texts are stored separately (see `short_texts`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from themis.core.errors import StoreCorruptError, UnknownRunError
from themis.core.identity.reuse_keys import lending_keys
from themis.core.outcomes.codec import now_ms
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.base import end_columns
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunRecord
from themis.core.stores.snapshot_blobs import get_snapshot, put_snapshot
from themis.core.stores.sql import run_statements as sql
from themis.core.stores.sql.database import Dialect, SqlDatabase
from themis.core.stores.sql.ended_cases import read_ended
from themis.core.stores.sql.jobs import SqlJobStore
from themis.core.stores.sql.judge_call_statements import DELETE_JUDGE_CALLS
from themis.core.stores.sql.reading_statements import AFTER_ANY_RUN, SELECT_RUNS_BEFORE
from themis.core.stores.sql.replay_rows import ReplayRows
from themis.core.stores.sql.row_values import case_ends, run_record
from themis.core.stores.sql.score_tallies import read_tallies
from themis.core.stores.sql.sharded_runs import Shards
from themis.core.stores.sql.short_texts import BLOB_MARK
from themis.core.text.canonical import bytes_hash

_HEX_DIGITS = frozenset("0123456789abcdef")


class SqlRunStore(ReplayRows, Shards, ABC):
    """Keeps runs in a database.

    Args:
        database: the database.
        dialect: its words.

    Raises:
        StoreError: on any use, when the database cannot be used; its subclasses say why.
    """

    def __init__(self, database: SqlDatabase, dialect: Dialect) -> None:
        """Make a store in `database`; nothing is opened yet."""
        self._database = database
        self._dialect = dialect
        self._ready = False

    @property
    def label(self) -> str:
        """Location of the database."""
        return self._database.label

    @property
    @abstractmethod
    def jobs(self) -> SqlJobStore:
        """Jobs of queues, in the same database and the same transactions."""

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def transaction(self) -> AbstractContextManager[Any]:
        """Open a block whose writes are committed together and synced, or not at all; blocks nest."""
        return self._open().transaction()

    def create_run(self, snapshot: RunSnapshot) -> bool:
        """Add a run as `pending`; False when it exists already."""
        with self.transaction() as connection:
            if connection.execute(sql.SELECT_RUN_NO, (snapshot.run_id,)).fetchone():
                return False
            kept = put_snapshot(snapshot, self.put_blob)
            row = (snapshot.run_id, RunStatus.PENDING.value, snapshot.total_cases, kept, now_ms())
            if connection.execute(sql.INSERT_RUN, row).rowcount == 0:
                return False  # another process was faster
            run_no = self._run_no(snapshot.run_id)
            rows = [(key, run_no, name) for name, key in lending_keys(snapshot).items()]
            connection.executemany(sql.INSERT_REUSE_KEY, rows)
        return True

    def start_run(self, run_id: str, *, fence: Fence | None = None) -> None:
        """Mark a run as running."""
        with self._fenced(fence) as connection:
            self._run_no(run_id)
            connection.execute(sql.START_RUN, (RunStatus.RUNNING.value, now_ms(), run_id))

    def end_run(
        self,
        run_id: str,
        status: RunStatus,
        *,
        through: Stage | None,
        error: str | None = None,
        fence: Fence | None = None,
    ) -> None:
        """Mark a run as ended; synced to disk before this returns."""
        with self._fenced(fence) as connection:
            self._run_no(run_id)
            connection.execute(sql.END_RUN, (status.value, *end_columns(through, error), now_ms(), run_id))

    def clear_run(self, run_id: str, *, fence: Fence | None = None) -> None:
        """Forget the outcomes of a run, what it has spent and was summed up, and that it ever ran."""
        with self._fenced(fence) as connection:
            run_no = self._locked_run_no(run_id)
            for statement in (*sql.DELETE_ALL, DELETE_JUDGE_CALLS, sql.DROP_BATCHES, sql.DELETE_BATCHES):
                connection.execute(statement, (run_no,))
            connection.execute(sql.RESET_RUN, (RunStatus.PENDING.value, run_no))
            self.drop_replay(run_id)

    def load_run(self, run_id: str) -> RunRecord | None:
        """Return a run's row; None when it does not exist."""
        row = self._open().query_one(sql.SELECT_RUN, (run_id,))
        return run_record(row) if row else None

    def list_runs(self, prefix: str = "", limit: int = 1000, *, older_than: str | None = None) -> list[RunRecord]:
        """Return the runs whose id begins with `prefix`, newest first; with `older_than`, those older than that run."""
        if not _HEX_DIGITS.issuperset(prefix):
            return []  # LIKE has special characters, and ignores case
        before = AFTER_ANY_RUN if older_than is None else self._run_no(older_than)
        return [run_record(row) for row in self._open().query(SELECT_RUNS_BEFORE, (prefix + "%", before, limit))]

    def load_snapshot(self, run_id: str) -> RunSnapshot | None:
        """Return a run's snapshot; None when it does not exist."""
        row = self._open().query_one(sql.SELECT_SNAPSHOT, (run_id,))
        return get_snapshot(row[0], self._blob, self.label) if row else None

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        """Save outcomes and ends of cases, all or none, in one synced commit."""
        run_no = self._run_no(run_id)
        with self._fenced(fence) as connection:
            self._insert(connection, run_no, outcomes, ends)

    def has_outcomes(self, run_id: str) -> bool:
        """Whether anything of a run is finished."""
        return self._open().query_one(sql.HAS_OUTCOMES, (self._run_no(run_id),)) is not None

    def outcomes_between(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Return the outcomes of the cases numbered from `first` to before `stop`, in order of their keys."""
        return self._outcomes(self._run_no(run_id), first, stop)

    def _outcomes(self, run_no: int, first: int, stop: int) -> list[Outcome]:
        rows = self._open().query(sql.SELECT_OUTCOMES, (run_no, first, stop))
        return [
            Outcome(no, Stage(stage), item, bool(ok), at, value, self._text(output), self._text(body) or "", *rest)
            for no, stage, item, ok, at, value, output, body, *rest in rows
        ]

    def values_between(self, run_id: str, item: int, first: int, stop: int) -> dict[int, float | None]:
        """Return the values alone of the successful scores, or judgments, with a number, by their case's number."""
        return dict(self._open().query(sql.SELECT_VALUES, (self._run_no(run_id), first, stop, Stage.SCORE, item)))

    def ends_between(self, run_id: str, first: int, stop: int) -> list[CaseEnd]:
        """Return the ends of the cases numbered from `first` to before `stop`, in order."""
        return case_ends(self._open().query(sql.SELECT_CASES, (self._run_no(run_id), first, stop)))

    def ended_cases(self, run_id: str, first: int, stop: int) -> bytearray:
        """Return a byte for each case numbered from `first` to before `stop`."""
        return read_ended(self._open().query, self._dialect, self._run_no(run_id), first, stop)

    def ends_from(self, run_id: str, first: int, limit: int) -> list[CaseEnd]:
        """Return the next `limit` ended cases numbered `first` or higher, in order."""
        return case_ends(self._open().query(sql.SELECT_CASES_FROM, (self._run_no(run_id), first, limit)))

    def ended_ids_from(self, run_id: str, first: int, limit: int) -> list[tuple[int, int, str]]:
        """Return number, dataset's number and id alone of the same cases as `ends_from`."""
        return self._open().query(sql.SELECT_CASE_IDS, (self._run_no(run_id), first, limit))

    def nth_ended_case(self, run_id: str, index: int) -> int | None:
        """Return the number of the ended case at position `index`; None when there are fewer."""
        row = self._open().query_one(sql.SELECT_NTH_CASE, (self._run_no(run_id), index))
        return row[0] if row else None

    def count_ends(self, run_id: str) -> tuple[int, int]:
        """Count the ended cases, and those of them that failed."""
        row = self._open().query_one(sql.COUNT_CASES, (self._run_no(run_id),))
        return (row[0], row[1]) if row else (0, 0)

    def score_tallies(self, run_id: str) -> dict[int, ScoreTally]:
        """Return the tally of each metric's scores, by its item."""
        record = self.load_run(run_id)
        return read_tallies(self._open().query, self._run_no(run_id), record.total_cases if record else 0)

    def reusable_runs(self, key: str, *, other_than: str, limit: int = 3) -> list[tuple[str, str]]:
        """Return other runs, newest first, with a reuse key equal to `key`, and its name in each."""
        return [(row[0], row[1]) for row in self._open().query(sql.SELECT_REUSABLE, (key, other_than, limit))]

    def lend_only(self, run_id: str, keys: Mapping[str, str], *, fence: Fence | None = None) -> None:
        """Register those reuse keys of a run that are valid for all of its outcomes, so that other runs find it."""
        run_no = self._run_no(run_id)
        rows = [(key, run_no, name) for name, key in keys.items()]
        known = [row for row in rows if self._open().query_one(sql.SELECT_REUSE_KEY, row)]
        if known == rows:
            return  # the usual case
        with self.transaction() as connection:
            self._locked_run_no(run_id)  # before the job, as those do who end a job that is a shard
            if fence is not None:
                self.jobs.check_fence(fence)
            connection.execute(sql.DELETE_REUSE_KEYS, (run_no,))
            connection.executemany(sql.INSERT_REUSE_KEY, known if self.has_outcomes(run_id) else rows)

    def lent_keys(self, run_id: str) -> dict[str, str]:
        """Return the reuse keys by which other runs find a run, by their names."""
        return dict(self._open().query(sql.SELECT_REUSE_KEYS, (self._run_no(run_id),)))

    def put_blob(self, data: bytes) -> str:
        """Save bytes under their SHA-256, once."""
        digest = bytes_hash(data)
        with self.transaction() as connection:
            connection.execute(sql.INSERT_BLOB, (digest, data))
        return digest

    def get_blob(self, digest: str) -> bytes | None:
        """Return the bytes saved under a hash; None when there are none."""
        row = self._open().query_one(sql.SELECT_BLOB, (digest,))
        return bytes(row[0]) if row else None

    @contextmanager
    def _fenced(self, fence: Fence | None) -> Iterator[Any]:
        """Open a transaction that first checks that the writer still owns its job."""
        with self.transaction() as connection:
            if fence is not None:
                self.jobs.check_fence(fence)
            yield connection

    def _open(self) -> SqlDatabase:
        if not self._ready:
            self.initialize()
        return self._database

    def _run_no(self, run_id: str) -> int:
        """Return the number of a run in the database; not cached, as a transaction may undo the run and reuse it."""
        return self._number(sql.SELECT_RUN_NO, run_id)

    def _locked_run_no(self, run_id: str) -> int:
        """Return the number of a run that no other transaction may lock until this one ends."""
        return self._number(sql.SELECT_RUN_NO + self._dialect.change_lock, run_id)

    def _number(self, statement: str, run_id: str) -> int:
        row = self._open().query_one(statement, (run_id,))
        if row is None:
            raise UnknownRunError(run_id=run_id, nearest="")
        return int(row[0])

    def _text(self, stored: str | None) -> str | None:
        if stored is None or not stored.startswith(BLOB_MARK):
            return stored
        return self._blob(stored[len(BLOB_MARK) :]).decode()

    def _blob(self, digest: str) -> bytes:
        """Return the bytes that a row refers to; an empty value in place of missing ones would be wrong."""
        data = self.get_blob(digest)
        if data is None:
            raise StoreCorruptError(path=self.label, detail=f"the text {digest} is missing")
        return data
