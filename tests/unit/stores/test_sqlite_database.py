import os
import resource
import signal
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from themis.core.errors import (
    NetworkFilesystemError,
    NewerSchemaError,
    StoreBusyError,
    StoreCorruptError,
    StoreDescriptorsError,
    StoreError,
    StoreFullError,
    StoreIOError,
    StoreReadOnlyError,
)
from themis.core.files import durable
from themis.core.stores.sqlite import database as sqlite_database
from themis.core.stores.sqlite.database import Database

SCHEMA = ("CREATE TABLE t (v)",)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "deep" / "er" / "store.sqlite3")) as opened:
        opened.ensure_schema(SCHEMA, 1)
        yield opened


def _count(database: Database) -> int:
    row = database.query_one("SELECT count(*) FROM t")
    assert row is not None
    return int(row[0])


def test_the_file_is_made_with_its_folders_and_for_its_owner_alone(database: Database) -> None:
    for path in (database.path, database.path.with_name("store.sqlite3-wal")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(database.path.parent.glob(".*")) == []


def test_commits_are_synced_unless_their_transaction_says_otherwise(database: Database) -> None:
    def level() -> int:
        return int(database.query("PRAGMA synchronous")[0][0])

    assert database.query("PRAGMA journal_mode") == [("wal",)]
    with database.transaction():
        assert level() == 2
    with database.transaction(synced=False):
        assert level() == 1
    assert level() == 2


def test_nothing_depends_on_how_sqlite_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def built_otherwise(*arguments: Any, **facts: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **facts)
        for setting in ("synchronous = OFF", "foreign_keys = ON", "cache_size = 7", "journal_size_limit = 7"):
            connection.execute(f"PRAGMA {setting}")
        return connection

    monkeypatch.setattr(sqlite3, "connect", built_otherwise)
    with closing(Database(tmp_path / "s.sqlite3")) as database:
        names = ("synchronous", "foreign_keys", "cache_size", "journal_size_limit", "journal_mode")
        found = [database.query(f"PRAGMA {name}")[0][0] for name in names]
    assert found == [2, 0, -sqlite_database.PAGE_CACHE_KIB, sqlite_database.LOG_MOST_BYTES, "wal"]


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    with pytest.raises(KeyError), database.transaction() as connection:  # noqa: PT012  # what is undone is tested
        connection.execute("INSERT INTO t VALUES (1)")
        raise KeyError
    assert _count(database) == 0
    with database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert _count(database) == 1


def test_a_transaction_within_another_is_a_part_of_it(database: Database) -> None:
    with pytest.raises(KeyError), database.transaction():  # noqa: PT012  # what is undone is what is tested
        with database.transaction() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
        assert _count(database) == 1
        raise KeyError
    assert _count(database) == 0


def test_a_synced_transaction_cannot_hide_in_one_that_is_not(database: Database) -> None:
    with pytest.raises(StoreError, match="synced"), database.transaction(synced=False), database.transaction():
        pass


def test_each_thread_has_its_own_connection_and_sees_what_is_committed(database: Database) -> None:
    seen: list[int] = []
    with database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        thread = threading.Thread(target=lambda: seen.append(_count(database)))
        thread.start()
        thread.join()
    assert seen == [0]
    assert _count(database) == 1


def test_a_database_that_another_keeps_locked_is_an_error_that_says_so(database: Database) -> None:
    impatient = Database(database.path, busy_timeout_s=0.02, retry_attempts=2, retry_delay_s=0.001)
    with closing(impatient), database.transaction():
        with pytest.raises(StoreBusyError, match="kept the database locked"), impatient.transaction():
            pass
        assert _count(impatient) == 0, "reading needs no lock"


def test_a_file_that_is_no_database_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello " * 1000)
    with closing(Database(tmp_path / "x")) as database, pytest.raises(StoreCorruptError, match="not a database"):
        database.ensure_schema(SCHEMA, 1)
    assert (tmp_path / "x").read_bytes() == b"hello " * 1000


def test_a_damaged_database_is_an_error_that_says_so(database: Database) -> None:
    with database.transaction() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 200)
    database.query("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    data = bytearray(database.path.read_bytes())
    data[4096:] = b"\x99" * (len(data) - 4096)
    database.path.write_bytes(data)
    with pytest.raises(StoreCorruptError):
        database.query("SELECT * FROM t")


def test_a_schema_of_a_later_generation_is_refused_by_name_and_left(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("PRAGMA user_version = 2000")
    for known in (1, 999, 1_000, 1_999):
        with pytest.raises(NewerSchemaError, match=f"schema 2000, this version reads up to {known}"):
            database.ensure_schema(SCHEMA, known)
    assert database.query("PRAGMA user_version") == [(2000,)]


def test_a_newer_schema_of_the_same_generation_is_used_as_it_is(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("ALTER TABLE t ADD COLUMN w")
        connection.execute("PRAGMA user_version = 999")
    database.ensure_schema(("CREATE TABLE t (v, x)",), 3, {1: ("ALTER TABLE t ADD COLUMN x",)})
    assert database.query("PRAGMA user_version") == [(999,)]
    assert [row[1] for row in database.query("PRAGMA table_info(t)")] == ["v", "w"]


UPGRADES = {1: ("ALTER TABLE t ADD COLUMN w",), 2: ("ALTER TABLE t ADD COLUMN x", "UPDATE t SET x = v")}


def test_an_older_schema_is_upgraded_step_by_step_and_keeps_its_rows(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    database.ensure_schema(("CREATE TABLE t (v, w, x)",), 3, UPGRADES)
    assert database.query("SELECT v, w, x FROM t") == [(1, None, 1)]
    assert database.query("PRAGMA user_version") == [(3,)]
    database.ensure_schema(("CREATE TABLE t (v, w, x)",), 3, UPGRADES)  # nothing is done twice


def test_an_upgrade_is_made_whole_or_not_at_all(database: Database) -> None:
    with pytest.raises(StoreError, match="no such table"):
        database.ensure_schema((), 3, UPGRADES | {2: ("ALTER TABLE t ADD COLUMN x", "UPDATE nowhere SET x = 1")})
    assert database.query("PRAGMA user_version") == [(1,)]
    assert [row[1] for row in database.query("PRAGMA table_info(t)")] == ["v"]


def test_a_schema_too_old_to_be_upgraded_is_refused_and_left(database: Database) -> None:
    with pytest.raises(StoreError, match=r"older Themis .schema 1., which this version cannot upgrade"):
        database.ensure_schema((), 3, {2: ()})
    assert database.query("PRAGMA user_version") == [(1,)]


def test_threads_that_upgrade_at_once_upgrade_it_once(database: Database) -> None:
    failed: list[BaseException] = []

    def upgrade() -> None:
        try:
            with closing(Database(database.path)) as mine:
                mine.ensure_schema((), 3, UPGRADES)
        except BaseException as error:  # whatever it is, it is seen
            failed.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert database.query("PRAGMA user_version") == [(3,)]


def test_the_database_of_another_application_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "theirs")) as theirs:
        theirs.execute("CREATE TABLE u (v)")
    with closing(Database(tmp_path / "theirs")) as database, pytest.raises(StoreCorruptError, match="another app"):
        database.ensure_schema(SCHEMA, 1)


def test_the_schema_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "x")) as database:
        with pytest.raises(StoreError, match="syntax"):
            database.ensure_schema((*SCHEMA, "CREATE NONSENSE"), 1)
        database.ensure_schema(SCHEMA, 1)
        assert _count(database) == 0


def test_a_file_whose_tables_another_makes_just_now_is_no_older_one(tmp_path: Path) -> None:
    class Overtaken(Database):
        """Another process makes the tables as soon as this one has looked for the first time."""

        def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
            answer = super().query(sql, params)
            other.ensure_schema(SCHEMA, 1)
            return answer

    with closing(Database(tmp_path / "s.sqlite3")) as other, closing(Overtaken(other.path)) as database:
        database.ensure_schema(SCHEMA, 1)
        assert _count(database) == 0


def test_a_full_disk_is_told_from_other_errors(database: Database) -> None:
    database.query("PRAGMA max_page_count = 4")
    with pytest.raises(StoreFullError, match="full"), database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    assert _count(database) == 0


@pytest.mark.parametrize(("free", "error"), [(0, StoreFullError), (9, StoreIOError)])
def test_an_i_o_error_on_a_disk_without_room_is_a_full_disk(
    database: Database, monkeypatch: pytest.MonkeyPatch, free: int, error: type[StoreError]
) -> None:
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free))
    with pytest.raises(error), database.transaction():
        raise failure


@pytest.mark.parametrize("path", ["file/below", "folder"])
def test_a_path_that_cannot_hold_a_file_is_one_clear_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with closing(Database(tmp_path / path)) as database, pytest.raises(StoreReadOnlyError) as caught:
        database.ensure_schema(SCHEMA, 1)
    assert "\n" not in str(caught.value)


def test_a_network_filesystem_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_database, "network_filesystem", lambda _: "nfs4")
    with pytest.raises(NetworkFilesystemError, match=r"nfs4.*write-ahead log"):
        Database(tmp_path / "x").query("SELECT 1")


def test_errors_of_the_caller_stay_what_they_are(database: Database) -> None:
    with pytest.raises(sqlite3.ProgrammingError), database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (?)", ())


def test_every_commit_announces_itself_and_whether_it_is_synced(database: Database) -> None:
    steps: list[tuple[object, ...]] = []
    durable.set_observer(lambda *step: steps.append(step))
    try:
        with database.transaction(), database.transaction():
            pass
        with database.transaction(synced=False):
            pass
    finally:
        durable.set_observer(None)
    assert steps == [("commit", database.path, True), ("commit", database.path, False)]


def test_a_closed_database_opens_again(database: Database) -> None:
    database.close()
    assert _count(database) == 0


def test_a_log_that_a_long_reader_let_grow_shrinks_when_it_has_gone(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite3")
    with database.transaction() as connection:
        connection.execute("CREATE TABLE t (data BLOB)")
    log = tmp_path / "store.sqlite3-wal"

    def write_kib(count: int) -> None:
        with database.transaction(synced=False) as connection:
            connection.execute("INSERT INTO t VALUES (zeroblob(?))", (count * 1_024,))

    reader = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchall()
    for _ in range(10):
        write_kib(5_000)
    grown = log.stat().st_size
    reader.close()
    for _ in range(3):
        write_kib(1)
    assert log.stat().st_size <= sqlite_database.LOG_MOST_BYTES < grown
    database.close()


def test_too_many_open_files_are_no_matter_of_permissions(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite3", busy_timeout_s=0.0, retry_attempts=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with suppress(OSError):
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        for spare in (0, 1, 1):  # making the file, opening it, opening its log
            for _ in range(spare):
                os.close(opened.pop())
            with pytest.raises(StoreDescriptorsError, match=r"too many files are open \(the limit is 200\)"):
                database.ensure_schema(SCHEMA, 1)
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with closing(database):
        database.ensure_schema(SCHEMA, 1)


@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_a_busy_file_is_asked_again_so_often_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    database = Database(tmp_path / "s.sqlite3", busy_timeout_s=0.0, retry_attempts=attempts, retry_delay_s=1.0)
    calls: list[int] = []

    def busy() -> None:
        calls.append(1)
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    with pytest.raises(StoreBusyError):
        database._patiently(busy)
    assert len(calls) == attempts + 1
    assert len(pauses) == attempts
    assert all(2 ** (n + 1) * 0.5 <= pause <= 2 ** (n + 1) * 1.5 for n, pause in enumerate(pauses))


def test_what_a_thread_that_has_ended_had_open_is_closed(database: Database) -> None:
    opened: list[sqlite3.Connection] = []

    def use() -> None:
        database.query("SELECT 1")
        opened.append(database._connection())

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert len(set(map(id, opened))) == 3
    for connection in opened[:2]:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    assert opened[2].execute("SELECT 1").fetchone() == (1,)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork while there are threads, as there may be any
def test_a_fork_while_another_thread_opens_the_database_can_use_it(database: Database) -> None:
    database.query("SELECT 1")
    with database._connections._guard:
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            try:
                database.query("SELECT 1")
                os._exit(0)
            finally:
                os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
