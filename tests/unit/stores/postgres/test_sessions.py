"""Sessions of a store in Postgres: their settings, their errors, and the processes that have them."""

import os
import signal
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support import postgres_server
from tests.support.lab import experiment
from tests.support.stores import added_run
from themis.core.config import StorageConfig
from themis.core.errors import (
    StoreAccessError,
    StoreAwayError,
    StoreError,
    StoreGoneError,
    StoreMissingError,
    StoreOutageError,
)
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.stores.backend import Patience
from themis.core.stores.postgres.address import SESSION
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.postgres.run_locks import RunLocks
from themis.core.stores.postgres.session import Session
from themis.core.stores.postgres.store import PostgresRunStore
from themis.core.stores.registry import location_of, open_for_reading, open_store

END = CaseEnd(0, 0, "q0", b"0" * 32, False, Stage.SCORE)


def generated(text: str = '"a"') -> Outcome:
    return Outcome(0, Stage.GENERATE, 0, True, 1, None, text, "{}", None, None)


def test_every_wait_of_a_session_ends(url: str) -> None:
    with closing(PostgresDatabase(url)) as database:
        found = {name: database.query(f"SHOW {name}")[0][0] for name in SESSION}
    assert found == {name: value.replace("60s", "1min") for name, value in SESSION.items()}


@pytest.mark.parametrize(
    ("url", "kind", "says"),
    [
        ("postgresql://themis:pw@127.0.0.1:1/x", StoreAwayError, "cannot be reached .*Connection refused"),
        ("postgresql://stranger:pw@{place}/postgres", StoreAccessError, 'role "stranger" does not exist'),
        ("postgresql://themis:pw@{place}/nothing", StoreAccessError, 'database "nothing" does not exist'),
    ],
)
def test_a_server_that_is_away_or_refuses_is_one_line_at_once(url: str, kind: type[StoreError], says: str) -> None:
    place = postgres_server.shared_server().partition("@")[2].partition("/")[0]
    begin = time.monotonic()
    with pytest.raises(kind, match=says) as failed, closing(PostgresRunStore(url.format(place=place))) as store:
        store.initialize()
    assert time.monotonic() - begin < 5
    assert failed.value.exit_code == 4
    assert isinstance(failed.value, StoreOutageError)  # no job is charged for it
    assert "pw" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_session_that_the_server_ended_is_replaced_without_a_word(store: PostgresRunStore, url: str) -> None:
    run_id = added_run(store, "d")
    _end_all_sessions(url)
    store.append(run_id, [generated()], [END])
    _end_all_sessions(url)
    assert store.outcomes_between(run_id, 0, 9) == [generated()]
    _end_all_sessions(url)
    with store.transaction():
        store.name_run(run_id, "mine", {})
    assert [run.run_id for run in store.runs_named("mine", 9)] == [run_id]


def test_a_session_that_ends_within_a_transaction_loses_all_of_it(store: PostgresRunStore, url: str) -> None:
    run_id = added_run(store, "d")

    def interrupted() -> None:
        with store.transaction():
            store.append(run_id, [generated()], [])
            _end_all_sessions(url)
            store.append(run_id, [], [END])

    with pytest.raises(StoreAwayError):
        interrupted()
    assert not store.has_outcomes(run_id)


def test_an_append_whose_commit_was_not_answered_is_repeated_and_kept_once(
    store: PostgresRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = added_run(store, "d")
    run = Session.run
    lost: list[str] = []

    def answer_once_too_late(session: Session, sql: str) -> None:
        run(session, sql)
        if sql == "COMMIT" and not lost:
            lost.append(sql)
            session.raw.pgconn.finish()
            raise psycopg.OperationalError

    monkeypatch.setattr(Session, "run", answer_once_too_late)
    store.append(run_id, [generated()], [END])
    assert lost
    assert store.outcomes_between(run_id, 0, 9) == [generated()]
    assert store.count_ends(run_id) == (1, 0)


def test_tables_that_were_removed_are_missed(store: PostgresRunStore, url: str) -> None:
    run_id = added_run(store, "d")
    schema = url.rpartition("%3D")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())
    with pytest.raises(StoreGoneError):
        store.load_run(run_id)
    assert not store.jobs.is_in_place
    location = location_of(StorageConfig(store="postgres", parameters={"url": url}))
    with pytest.raises(StoreMissingError):
        open_store(location, Patience())
    with pytest.raises(StoreMissingError):
        open_for_reading(location)


def test_who_only_reads_cannot_write(store: PostgresRunStore, url: str) -> None:
    run_id = added_run(store, "d")
    location = location_of(StorageConfig(store="postgres", parameters={"url": url}))
    with closing(open_for_reading(location)) as reading:
        assert [run.run_id for run in reading.list_runs()] == [run_id]
        with pytest.raises(StoreOutageError, match="can only be read"):
            reading.create_run(experiment().compile())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork while there are threads, as there may be any
def test_a_forked_process_leaves_the_session_of_its_parent_alone(store: PostgresRunStore) -> None:
    run_id = added_run(store, "d")
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            store.append(run_id, [generated()], [END])
            store.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    assert store.count_ends(run_id) == (1, 0)


def test_sessions_of_ended_threads_are_closed(store: PostgresRunStore) -> None:
    for _ in range(3):
        thread = threading.Thread(target=store.list_runs)
        thread.start()
        thread.join()
    assert len(store._database._connections._opened) == 2  # this thread's, and that of the last


def test_a_nul_in_a_text_that_nobody_has_looked_at_is_an_error_of_one_line(store: PostgresRunStore) -> None:
    run_id = added_run(store, "d")
    with pytest.raises(StoreError, match="NUL"):
        store.put_spend(run_id, 1, "a\0b")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    storage = StorageConfig(store="postgres", parameters={"url": "dbname=x"})
    with pytest.raises(StoreError, match=r"needs the package psycopg: pip install 'themis-eval\[postgres\]'"):
        open_store(location_of(storage))


def _end_all_sessions(url: str) -> None:
    with psycopg.connect(url, autocommit=True, application_name="test") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'themis' AND datname = current_database()"
        ).fetchall()


def test_a_lock_that_could_not_be_written_down_is_free_again(
    store: PostgresRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = added_run(store, "d")

    def fail(*_: object) -> None:
        raise StoreAwayError(path="p", detail="as the test says")

    with monkeypatch.context() as outage:
        outage.setattr(RunLocks, "note", fail)
        with pytest.raises(StoreAwayError), store.hold_run(run_id):
            pytest.fail("it has no lock")
    assert not store.run_holder(run_id).held
    with store.hold_run(run_id):
        assert store.run_holder(run_id).held
