"""Store in Postgres that files are merged into: their rows are copied into tables of the session, part by part."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from themis.core.stores.merging.port import MergeSource
from themis.core.stores.postgres.appending import CASES, OUTCOMES, add_blobs, copy_into
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.postgres.store import PostgresRunStore
from themis.core.stores.sql.merging.bridge import Bridge
from themis.core.stores.sql.merging.merger import SqlMerger
from themis.core.stores.sql.merging.statements import BLOB_COLUMNS, BROUGHT

HASHES, TEXTS = 4_096, 64
"""Hashes of long texts that are looked for together, and texts that are sent together."""

_JUDGE_CALLS = dict(zip(BROUGHT["judge_calls"], ("int8", "int8", "int8", "text", "text", "int8", "text"), strict=True))
_TYPES = {"outcomes": OUTCOMES, "cases": CASES, "judge_calls": _JUDGE_CALLS}
_STRETCH = "WHERE run_no = ? AND case_no >= ? AND case_no < ?"
_FIND_TEXTS = "SELECT digest FROM blobs WHERE digest = ANY(?)"


class _TargetStore(PostgresRunStore):
    """Store whose database is given to those who merge."""

    @property
    def database(self) -> PostgresDatabase:
        """Its database."""
        return self._database


class _CopiedRows(Bridge):
    """Source whose rows are copied, for the length of a transaction, into tables of the session."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._source: MergeSource | None = None

    def check(self, source: MergeSource) -> None:
        """A file is never the target."""

    @contextmanager
    def using(self, source: MergeSource) -> Iterator[None]:
        """Copy the rows of a source, as they are when the block begins."""
        with self._database.transaction() as session:
            for table, types in _TYPES.items():
                columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
                session.run(f"DROP TABLE IF EXISTS pg_temp.src_{table}")
                session.run(f"CREATE TEMPORARY TABLE src_{table} ({columns}) ON COMMIT DELETE ROWS")
        with source.snapshot():
            self._source = source
            try:
                yield
            finally:
                self._source = None

    def add_texts(self, tell: Callable[[int], None]) -> None:
        """Add the long texts that are new."""
        after = ""
        while hashes := self._rows(
            "blobs", BLOB_COLUMNS[:1], "WHERE digest > ? ORDER BY digest LIMIT ?", after, HASHES
        ):
            after = hashes[-1][0]
            wanted = [digest for (digest,) in hashes]
            known = {digest for (digest,) in self._database.query(_FIND_TEXTS, (wanted,))}
            new = [digest for digest in wanted if digest not in known]
            for start in range(0, len(new), TEXTS):
                part = new[start : start + TEXTS]
                places = ", ".join("?" * len(part))
                texts = dict(self._rows("blobs", BLOB_COLUMNS, f"WHERE digest IN ({places})", *part))
                with self._database.transaction() as session:
                    add_blobs(session, texts)
                tell(len(texts))

    def bring(self, run_no: int, first: int, stop: int) -> None:
        """Copy the rows of a stretch."""
        with self._database.transaction() as session:
            for table, types in _TYPES.items():
                copy_into(
                    session, f"src_{table}", types, self._rows(table, tuple(types), _STRETCH, run_no, first, stop)
                )

    def _rows(self, table: str, columns: tuple[str, ...], rest: str, *values: Any) -> list[tuple[Any, ...]]:
        assert self._source is not None, "a source is used"  # noqa: S101
        return self._source.rows(table, columns, rest, values)


def open_merger(url: str) -> SqlMerger:
    """Return the store in the database at `url` to merge others into it."""
    store = _TargetStore(url)
    return SqlMerger(store, store.database, _CopiedRows(store.database))
