"""Rows of replays: their results have the negative number of their run, until they take the place of its own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.stores.snapshot_blobs import put_snapshot
from themis.core.stores.sql import run_statements as sql
from themis.core.stores.sql.row_values import case_ends
from themis.core.stores.sql.side_rows import SideRows

_PUT_REQUEST = (
    "INSERT INTO replays (run_no, request) VALUES (?, ?) ON CONFLICT (run_no) DO UPDATE SET request = excluded.request"
)
_SELECT_REQUEST = "SELECT request FROM replays WHERE run_no = ?"
_DELETE_REQUEST = "DELETE FROM replays WHERE run_no = ?"
_DELETE_OUTCOMES = "DELETE FROM outcomes WHERE run_no = ?"
_DELETE_CASES = "DELETE FROM cases WHERE run_no = ?"

_SELECT_PLACES = "SELECT DISTINCT stage, item FROM outcomes WHERE run_no = ?"
# The values are the run's number and, where a replay is read, its negative.
_DELETE_REPLACED = """
DELETE FROM outcomes WHERE run_no = ? AND case_no IN (SELECT case_no FROM cases WHERE run_no = ?)
    AND stage = ? AND item = ?
"""
_MOVE_OUTCOMES = """
UPDATE outcomes SET run_no = ? WHERE run_no = ? AND NOT EXISTS (
    SELECT 1 FROM outcomes kept WHERE kept.run_no = ? AND kept.case_no = outcomes.case_no
        AND kept.stage = outcomes.stage AND kept.item = outcomes.item
)
"""
_DELETE_ENDS = "DELETE FROM cases WHERE run_no = ? AND case_no IN (SELECT case_no FROM cases WHERE run_no = ?)"
_MOVE_ENDS = "UPDATE cases SET run_no = ? WHERE run_no = ?"


class ReplayRows(SideRows, ABC):
    """Methods of a store on these rows."""

    def begin_replay(self, run_id: str, request: str) -> bool:
        """Begin a replay, and return True; False when the one with an equal `request` goes on."""
        run_no = self._run_no(run_id)
        if self._open().query_one(_SELECT_REQUEST, (run_no,)) == (request,):
            return False
        with self.transaction() as connection:
            self._locked_run_no(run_id)
            self.drop_replay(run_id)
            connection.execute(_PUT_REQUEST, (run_no, request))
        return True

    def append_replayed(self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd]) -> None:
        """Save results of a replay beside those of the run, in one synced commit."""
        with self.transaction() as connection:
            self._insert(connection, -self._run_no(run_id), outcomes, ends)

    def replayed_ends(self, run_id: str, first: int, stop: int) -> list[CaseEnd]:
        """Return the ends of the cases that are replayed, in order."""
        return case_ends(self._open().query(sql.SELECT_CASES, (-self._run_no(run_id), first, stop)))

    def replayed_outcomes(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Return the new outcomes of the cases that are replayed, in order of their keys."""
        return self._outcomes(-self._run_no(run_id), first, stop)

    def end_replay(
        self, run_id: str, keeps: Callable[[Stage, int], bool], snapshot: RunSnapshot, keys: Mapping[str, str]
    ) -> None:
        """Put the results of a replay in place of those of the run, all or none."""
        with self.transaction() as connection:
            run = self._locked_run_no(run_id)
            for stage, item in connection.execute(_SELECT_PLACES, (run,)).fetchall():
                if not keeps(Stage(stage), item):
                    connection.execute(_DELETE_REPLACED, (run, -run, stage, item))
            connection.execute(_MOVE_OUTCOMES, (run, -run, run))
            connection.execute(_DELETE_ENDS, (run, -run))
            connection.execute(_MOVE_ENDS, (run, -run))
            self.replace_snapshot(snapshot)
            connection.execute(sql.DELETE_REUSE_KEYS, (run,))
            connection.executemany(sql.INSERT_REUSE_KEY, [(key, run, name) for name, key in keys.items()])
            self.drop_replay(run_id)

    def replace_snapshot(self, snapshot: RunSnapshot) -> None:
        """Save a snapshot in place of that of its run."""
        with self.transaction() as connection:
            connection.execute(sql.UPDATE_SNAPSHOT, (put_snapshot(snapshot, self.put_blob), snapshot.run_id))

    def drop_replay(self, run_id: str) -> None:
        """Forget a replay that did not end."""
        run_no = self._run_no(run_id)
        with self.transaction() as connection:
            connection.execute(_DELETE_REQUEST, (run_no,))
            connection.execute(_DELETE_OUTCOMES, (-run_no,))
            connection.execute(_DELETE_CASES, (-run_no,))

    @abstractmethod
    def _insert(self, connection: object, run_no: int, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd]) -> None:
        """Insert outcomes and ends of cases, within a transaction."""

    @abstractmethod
    def _outcomes(self, run_no: int, first: int, stop: int) -> list[Outcome]: ...
