"""Store in a SQLite file that others are merged into: their files are attached to its connection, read-only."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from themis.core.errors import InputError, StoreCorruptError
from themis.core.stores.merging.port import MergeSource
from themis.core.stores.sql.merging.bridge import Bridge
from themis.core.stores.sql.merging.merger import SqlMerger
from themis.core.stores.sql.merging.statements import BROUGHT
from themis.core.stores.sqlite.database import BUSY_TIMEOUT_S, Database
from themis.core.stores.sqlite.merging.source import SqliteSource
from themis.core.stores.sqlite.store import SqliteRunStore

TEXTS = 4_096
"""Long texts of a part, which is committed."""

_LAST_TEXT = "SELECT max(digest) FROM (SELECT digest FROM source.blobs WHERE digest > ? ORDER BY digest LIMIT ?) part"
# Texts that are there are not read: only their hashes.
_ADD_TEXTS = """
INSERT INTO main.blobs (digest, data) SELECT s.digest, s.data FROM source.blobs s
WHERE s.digest > ? AND s.digest <= ? AND NOT EXISTS (SELECT 1 FROM main.blobs t WHERE t.digest = s.digest)
ORDER BY s.digest
"""


class _TargetDatabase(Database):
    """File to which others can be attached by an address, which says that they are only read."""

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path.as_uri(), uri=True, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._configure(connection)
            connection.execute("PRAGMA trusted_schema = OFF")
        except BaseException:
            connection.close()
            raise
        return connection


class _TargetStore(SqliteRunStore):
    """Store on such a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._database = _TargetDatabase(self.path, busy_timeout_s=BUSY_TIMEOUT_S)

    @property
    def database(self) -> Database:
        """Its file."""
        return self._database


class _AttachedFile(Bridge):
    """Source that is attached as `source`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = 0
        self._has_texts = False

    def check(self, source: MergeSource) -> None:
        """Check that a source is not the target itself."""
        if source.is_in(self._database.path):
            raise InputError(detail=f"{source.label}: is the store to merge into; name only the others")

    @contextmanager
    def using(self, source: MergeSource) -> Iterator[None]:
        """Attach a source."""
        file = cast("SqliteSource", source)
        self._database.query("ATTACH ? AS source", (file.uri,))
        try:
            for table, columns in BROUGHT.items():
                self._show(file, table, columns)
            self._seen = self._version()
            self._has_texts = bool(file.columns("blobs"))
            yield
        except StoreCorruptError as error:
            damage = file.damage()
            if damage is None:
                raise
            raise StoreCorruptError(path=file.label, detail=damage) from error
        finally:
            for table in BROUGHT:
                self._database.query(f"DROP VIEW IF EXISTS temp.src_{table}")
            self._database.query("DETACH source")

    def add_texts(self, tell: Callable[[int], None]) -> None:
        """Add the long texts that are new, in the order of their hashes: that of both tables."""
        after = ""
        while self._has_texts:
            with self._database.transaction() as connection:
                (last,) = connection.execute(_LAST_TEXT, (after, TEXTS)).fetchone()
                if last is None:
                    return
                added = connection.execute(_ADD_TEXTS, (after, last)).rowcount
            tell(added)
            after = last

    def bring(self, run_no: int, first: int, stop: int) -> None:  # noqa: ARG002  # the rows are there
        """Add texts that came since, if another process has written the source."""
        if self._version() != self._seen:
            # Both in the transaction of the caller, which sees one state of the source from its beginning.
            self.add_texts(lambda _: None)
            self._seen = self._version()

    def _show(self, file: SqliteSource, table: str, columns: tuple[str, ...]) -> None:
        selected = f"SELECT {file.selected(table, columns)}"
        origin = f"FROM source.{table}" if file.columns(table) else "WHERE 0"
        self._database.query(f"DROP VIEW IF EXISTS temp.src_{table}")
        self._database.query(f"CREATE TEMPORARY VIEW src_{table} AS {selected} {origin}")

    def _version(self) -> int:
        return int(self._database.query("PRAGMA source.data_version")[0][0])


def open_merger(path: Path) -> SqlMerger:
    """Return the store in the file at `path`, which is made on its first use, to merge others into it."""
    store = _TargetStore(path)
    return SqlMerger(store, store.database, _AttachedFile(store.database))
