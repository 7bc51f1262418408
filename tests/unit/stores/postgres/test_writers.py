"""Several writers of one store in Postgres: schemas, fences, claims, blobs and locks of runs."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.support import postgres_server
from tests.support.lab import ScriptedGenerator, experiment
from tests.support.stores import added_run
from themis.core.errors import (
    ClaimLostError,
    NewerSchemaError,
    RunBusyError,
    StoreCorruptError,
    StoreError,
    ThemisError,
)
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.outcomes.stages import Stage
from themis.core.stores.job_rows import Change, Fence, JobRow
from themis.core.stores.postgres import appending, schema
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.postgres.store import PostgresRunStore
from themis.core.stores.postgres.tables import SCHEMA_VERSION

JOB = JobRow("k", "r", "q", "/q", 1, "running", 1, 5, 0, None, 3, 3, None, None)
END = CaseEnd(0, 0, "q0", b"0" * 32, False, Stage.SCORE)


def outcome(no: int, *, ok: bool = True, text: str = '"a"') -> Outcome:
    return Outcome(no, Stage.GENERATE, 0, ok, 1, None, text, "{}", None, None)


@contextmanager
def two_of(url: str) -> Iterator[tuple[PostgresRunStore, PostgresRunStore]]:
    with closing(PostgresRunStore(url)) as one, closing(PostgresRunStore(url)) as two:
        one.initialize()
        yield one, two


def store_id_of(url: str) -> str:
    with closing(PostgresRunStore(url)) as store:
        return store.jobs.store_id


@dataclass
class Thread:
    """Something that is done beside the test."""

    work: Callable[[], Any]
    found: Any = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.found = self.work()
        except ThemisError as error:
            self.found = error

    def is_done_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()


@pytest.mark.slow
def test_processes_that_come_to_an_empty_place_at_once_make_one_store(url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(store_id_of, [url] * 8, chunksize=1))) == 1


@pytest.mark.not_smoke
def test_who_makes_the_tables_waits_for_another_that_does(url: str) -> None:
    with closing(PostgresRunStore(url)) as store, psycopg.connect(url) as other:
        other.execute(schema._LOCK.encode())
        making = Thread(store.initialize)
        assert not making.is_done_within(0.3)
        other.rollback()
        assert making.is_done_within(10)
        assert store.is_there


def test_a_role_that_may_not_ask_which_server_it_is_works_too(store: PostgresRunStore, url: str) -> None:
    name = url.rpartition("%3D")[2]
    function = "EXECUTE ON FUNCTION pg_control_system()"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name}_reader LOGIN".encode())
        owner.execute(f"GRANT USAGE ON SCHEMA {name} TO {name}_reader".encode())
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {name}_reader".encode())
        owner.execute(f"REVOKE {function} FROM PUBLIC".encode())
        try:
            theirs = url.replace(f"//{postgres_server.USER}@", f"//{name}_reader@")
            with closing(PostgresRunStore(theirs)) as reading:
                assert reading.list_runs() == []
                assert reading.jobs.identity == (None, *store._database.identity[1:])
        finally:
            owner.execute(f"GRANT {function} TO PUBLIC".encode())


def test_a_newer_schema_and_tables_of_others_are_refused(store: PostgresRunStore, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE store_meta SET value = '1000' WHERE key = 'schema'")
        with pytest.raises(NewerSchemaError, match=r"written by a newer Themis \(schema 1000"):
            PostgresRunStore(url).initialize()
        connection.execute("UPDATE store_meta SET value = %s WHERE key = 'schema'", (str(SCHEMA_VERSION + 1),))
        PostgresRunStore(url).initialize()  # of the same generation: it can be used
        connection.execute("DELETE FROM store_meta WHERE key = 'schema'")
    with pytest.raises(StoreCorruptError, match="it has tables of another application"):
        PostgresRunStore(url).initialize()


@pytest.mark.not_smoke
def test_a_role_that_may_not_make_tables_asks_for_their_owner_and_works_with_them_then(url: str) -> None:
    name = url.rpartition("%3D")[2]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name}_worker LOGIN".encode())
        owner.execute(f"GRANT USAGE ON SCHEMA {name} TO {name}_worker".encode())
        theirs = url.replace(f"//{postgres_server.USER}@", f"//{name}_worker@")
        with closing(PostgresRunStore(theirs)) as store:
            with pytest.raises(StoreError, match=r"has no tables; let the owner .* run `themis store upgrade`"):
                store.initialize()
            with closing(PostgresRunStore(url)) as mine:
                mine.initialize()
                granted = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {name}_worker"
                owner.execute(granted.encode())
                store.initialize()
                store.append(added_run(store, "d"), [outcome(0)], [END])
                assert store.jobs.identity == mine.jobs.identity  # also for a role with few rights


def test_whoever_takes_a_job_away_waits_for_the_commit_of_its_owner(url: str) -> None:
    with two_of(url) as (owner, other):
        run_id = added_run(owner, "d")
        owner.jobs.add(JOB, "{}")
        with owner.transaction():
            owner.append(run_id, [outcome(0)], [END], fence=Fence("k", 1, JOB.token))
            taking = Thread(
                lambda: other.jobs.change(Fence("k", 1, JOB.token), lambda row: Change(row._replace(version=2)))
            )
            assert not taking.is_done_within(0.3)
        assert taking.is_done_within(10)
        assert taking.found.row.version == 2
        with pytest.raises(ClaimLostError):
            owner.append(run_id, [outcome(1)], [], fence=Fence("k", 1, JOB.token))
        assert len(owner.outcomes_between(run_id, 0, 9)) == 1


def test_an_owner_whose_job_is_being_taken_away_waits_and_writes_nothing(url: str) -> None:
    with two_of(url) as (owner, other):
        run_id = added_run(owner, "d")
        owner.jobs.add(JOB, "{}")
        with other.jobs.transaction():
            other.jobs.change(Fence("k", 1, JOB.token), lambda row: Change(row._replace(version=2)))
            writing = Thread(lambda: owner.append(run_id, [outcome(0)], [END], fence=Fence("k", 1, JOB.token)))
            assert not writing.is_done_within(0.3)
        assert writing.is_done_within(10)
        assert not owner.has_outcomes(run_id)


def test_one_of_two_that_claim_the_same_version_gets_it(url: str) -> None:
    with two_of(url) as stores:
        stores[0].jobs.add(JOB, "{}")
        both = threading.Barrier(2)

        def claimed(store: PostgresRunStore) -> Any:
            both.wait()
            return store.jobs.change(
                Fence("k", 1, JOB.token), lambda row: Change(row._replace(version=2), lease_ms=1_000)
            )

        claims = [Thread(lambda store=store: claimed(store)) for store in stores]  # type: ignore[misc]
        assert all(claim.is_done_within(10) for claim in claims)
        assert [claim.found is None for claim in claims].count(True) == 1


def test_claims_are_synced_and_leases_need_not_be(store: PostgresRunStore) -> None:
    with store.jobs.transaction(synced=False) as session:
        assert session.execute("SHOW synchronous_commit").fetchone() == ("on",)
    with store._database.transaction(synced=False) as session:
        assert session.execute("SHOW synchronous_commit").fetchone() == ("off",)


def test_a_frozen_writer_keeps_others_out_only_for_a_while(url: str) -> None:
    impatient = f"{url}%20-c%20idle_in_transaction_session_timeout%3D300ms"
    with closing(PostgresRunStore(impatient, busy_timeout_s=0)) as frozen, closing(PostgresRunStore(url)) as other:
        run_id = added_run(frozen, "d")
        frozen.jobs.add(JOB, "{}")
        waiting = threading.Event()

        def stay() -> None:
            with frozen.transaction():
                frozen.append(run_id, [outcome(0)], [END], fence=Fence("k", 1, JOB.token))
                waiting.set()
                taken.is_done_within(10)

        def take() -> Change | None:
            waiting.wait(10)
            return other.jobs.change(Fence("k", 1, JOB.token), lambda row: Change(row._replace(version=2)))

        taken = Thread(take)
        with pytest.raises(StoreError):
            stay()
        assert taken.found.row.version == 2
        assert not other.has_outcomes(run_id)


def test_texts_are_inserted_in_the_order_of_their_hashes_so_that_writers_never_wait_in_a_circle(
    store: PostgresRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = added_run(store, "d")
    orders: list[list[str]] = []
    insert = appending._insert

    def inserted(session: Any, table: str, columns: Any, rows: Any, end: str) -> None:
        if table == "blobs":
            orders.append([digest for digest, _ in rows])
        insert(session, table, columns, rows, end)

    monkeypatch.setattr(appending, "_insert", inserted)
    outcomes = [outcome(no, text=f'"{"x" * 300}{no}"') for no in range(20)]
    store.append(run_id, outcomes, [])
    store.append(added_run(store, "e"), outcomes[::-1], [])
    assert len(orders[0]) == 20
    assert orders[0] == orders[1] == sorted(orders[0])


def test_rows_that_exist_are_inserted_by_the_statement_that_keeps_successes(
    store: PostgresRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = added_run(store, "d")
    ways: list[str] = []
    copy, insert = appending._copy, appending._insert

    def copied(*arguments: Any) -> bool:
        ways.append("copy")
        return copy(*arguments)

    def inserted(session: Any, table: str, *arguments: Any) -> None:
        ways.append(f"insert {table}")
        insert(session, table, *arguments)

    monkeypatch.setattr(appending, "_copy", copied)
    monkeypatch.setattr(appending, "_insert", inserted)
    store.append(run_id, [outcome(0), outcome(1, ok=False)], [END])
    assert ways == ["copy", "insert blobs"]
    store.append(run_id, [outcome(1), outcome(0, text='"b"')], [END])
    assert ways[2:] == ["copy", "insert outcomes", "insert cases", "insert blobs"]
    store.append(run_id, [outcome(2)], [])
    assert ways[6:] == ["insert outcomes", "insert cases", "insert blobs"]  # what repeats once may repeat again
    assert store.outcomes_between(run_id, 0, 9) == [outcome(0), outcome(1), outcome(2)]


def test_edits_that_are_made_at_once_get_numbers_of_their_own(url: str) -> None:
    edit = ScoreEdit(0, 0, "d", "q0", 1.0, None, None, "a", "ann", "why")
    with two_of(url) as (one, two):
        run_id = added_run(one, "d")
        with one.transaction():
            one.add_score_edits(run_id, [edit])
            adding = Thread(lambda: two.add_score_edits(run_id, [edit]))
            assert not adding.is_done_within(0.3)
        assert adding.is_done_within(10)
        assert [found.number for found in one.score_edits(run_id)] == [1, 2]


def test_a_run_is_had_by_one_process_or_by_workers(url: str) -> None:
    with two_of(url) as (one, two):
        run_id = added_run(one, "d")
        with one.hold_run(run_id), pytest.raises(RunBusyError, match="process"), two.hold_run(run_id):
            pass
        with one.hold_run(run_id, fence=Fence("k", 1, JOB.token)), two.hold_run(run_id, fence=Fence("k", 2, JOB.token)):
            assert two.run_holder(run_id).job == "k"
            with pytest.raises(RunBusyError, match="a worker for job k"), two.hold_run(run_id):
                pass
        assert not two.run_holder(run_id).held


def test_a_lock_whose_session_ended_is_taken_again_or_stops_its_run(url: str) -> None:
    with two_of(url) as (one, two):
        run_id = added_run(one, "d")
        with one.hold_run(run_id):
            _end_session_of_lock(one, run_id)
            assert not two.run_holder(run_id).held
            assert two.run_holder(run_id).pid is not None  # who was interrupted
            one.append(run_id, [outcome(0)], [])
            assert two.run_holder(run_id).held
            _end_session_of_lock(one, run_id)
            with two.hold_run(run_id), pytest.raises(RunBusyError):
                one.append(run_id, [outcome(1)], [])
    with closing(PostgresDatabase(url)) as database:
        assert database.query("SELECT count(*) FROM run_holders") == [(0,)]


def _end_session_of_lock(store: PostgresRunStore, run_id: str) -> None:
    pid = store._locks._held[run_id]._session.raw.info.backend_pid  # type: ignore[union-attr]
    assert store._database.query("SELECT pg_terminate_backend(CAST(? AS integer), 5000)", (pid,)) == [(True,)]


def test_the_same_experiment_is_added_once_by_two_that_come_at_once(url: str) -> None:
    snapshot = experiment(ScriptedGenerator()).compile()
    with two_of(url) as (one, two):
        with one.transaction():
            assert one.create_run(snapshot)
            adding = Thread(lambda: two.create_run(snapshot))
            assert not adding.is_done_within(0.3)
        assert adding.is_done_within(10)
        assert adding.found is False
        assert len(two.list_runs()) == 1
