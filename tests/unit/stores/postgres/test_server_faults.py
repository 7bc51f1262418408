"""A server that is away, crashes, and proves who it is: each test has a server of its own."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from tests.support.lab import experiment
from tests.support.stores import added_run
from themis.core.config import RuntimeConfig, StorageConfig
from themis.core.errors import StoreAccessError, StoreAwayError, UnavailableError
from themis.core.jobs import worker_cycle
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.stores.job_rows import job_key
from themis.core.stores.postgres.database import _Patience
from themis.core.stores.postgres.store import PostgresRunStore
from themis.core.submission import run_worker_once, submit_experiment

NAME = "db.example.org"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of the server may enter."""
    with postgres_server.servers_folder() as folder:
        yield folder


@pytest.fixture
def server(folder: Path) -> Iterator[postgres_server.Server]:
    made = postgres_server.Server(folder / "server").start()
    yield made
    made.stop("immediate")


def written(no: int) -> tuple[list[Outcome], list[CaseEnd]]:
    end = CaseEnd(no, 0, f"q{no}", b"0" * 32, False, Stage.SCORE)
    return [Outcome(no, Stage.GENERATE, 0, True, 1, None, f'"{no}"', "{}", None, None)], [end]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_nothing_that_was_acknowledged_is_lost_when_the_server_is_restarted(
    server: postgres_server.Server, how: str
) -> None:
    acknowledged: list[int] = []
    is_over = threading.Event()
    with closing(PostgresRunStore(server.url())) as store:
        store.initialize()
        run_id = added_run(store, "d")

        def write() -> None:
            while not is_over.is_set():
                store.append(run_id, *written(len(acknowledged)))
                acknowledged.append(len(acknowledged))

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(2):
            before = len(acknowledged)
            server.stop(how)
            time.sleep(0.2)
            server.start()
            until = time.monotonic() + 20
            while len(acknowledged) < before + 5 and time.monotonic() < until:
                time.sleep(0.02)
        is_over.set()
        writer.join(20)
        found = [outcome.case_no for outcome in store.outcomes_between(run_id, 0, 10**6)]
    assert len(acknowledged) > 10
    assert found == acknowledged


def test_a_run_whose_server_is_away_between_two_commits_waits_for_it_and_has_its_lock_again(
    server: postgres_server.Server,
) -> None:
    with closing(PostgresRunStore(server.url(), busy_timeout_s=20)) as store:
        store.initialize()
        run_id = added_run(store, "d")
        with store.hold_run(run_id):
            store.append(run_id, *written(0))
            server.stop()
            back = threading.Timer(0.5, server.start)
            back.start()
            store.append(run_id, *written(1))
            back.join()
            assert store.run_holder(run_id).held
        assert not store.run_holder(run_id).held
        assert store.count_ends(run_id) == (2, 0)


@pytest.mark.slow
def test_a_job_whose_store_went_away_is_given_back_and_nobody_is_charged(
    server: postgres_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_DATABASE_URL", server.url())
    storage = StorageConfig(store="postgres", parameters={"url": "env:THEMIS_DATABASE_URL"})
    made = experiment(runtime=RuntimeConfig(queue_root=str(tmp_path / "queue")))
    run_id = submit_experiment(made.model_copy(update={"storage": storage}), mode="worker_pool").run_id
    append = PostgresRunStore.append

    def unplugged(store: PostgresRunStore, *arguments: Any, **more: Any) -> None:
        server.stop("immediate")
        append(store, *arguments, **more)

    with monkeypatch.context() as outage:
        outage.setattr(_Patience, "wait", lambda _: False)
        outage.setattr(worker_cycle, "SETTLE_FOR_S", 0.0)
        outage.setattr(PostgresRunStore, "append", unplugged)
        with pytest.raises(UnavailableError, match="cannot be reached") as failed:
            run_worker_once(tmp_path / "queue")
        assert failed.value.exit_code in {4, 5}
        outage.setattr(PostgresRunStore, "append", append)
        assert run_worker_once(tmp_path / "queue") is None  # the job waits for its store
    server.start()
    result = run_worker_once(tmp_path / "queue")
    assert result is not None
    assert result.status is RunStatus.COMPLETED
    with closing(PostgresRunStore(server.url())) as store:
        row = store.jobs.load(job_key(run_id, store.jobs.store_id))
        assert row is not None
        assert (row.state, row.failures, row.lost) == ("done", 0, 0)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or str(server.port) not in path.read_text()  # the reference alone is written


@pytest.fixture
def certificates(folder: Path) -> Path:
    """A root, another root, and a certificate of the first for the server's name."""

    def openssl(*arguments: str) -> None:
        try:
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607
        except FileNotFoundError:
            pytest.skip("no openssl is installed")

    key = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    for root in ("root", "other"):
        openssl("req", "-x509", *key, "-keyout", f"{root}.key", "-out", f"{root}.crt", "-subj", f"/CN={root}")
    openssl("req", *key[:3], "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={NAME}")
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial"),
        *("-days", "2", "-out", "server.crt"),
    )
    return folder


@pytest.mark.slow
def test_a_server_elsewhere_proves_who_it_is_or_gets_no_password(certificates: Path) -> None:
    settings: dict[str, Any] = {"ssl": "on", "ssl_cert_file": str(certificates / "server.crt")}
    made = postgres_server.Server(certificates / "server", **settings)
    made.adopt_key(certificates / "server.key")
    made.start()
    try:

        def connected(host: str, root: str) -> bool:
            # Its name is not this machine's, though its address is.
            place = f"host={host} hostaddr=127.0.0.1 port={made.port} dbname=postgres user=themis"
            with closing(PostgresRunStore(f"{place} sslrootcert={certificates / root}")) as store:
                store.initialize()
                (row,) = store._database.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                return bool(row[0])

        assert connected(NAME, "root.crt")
        for host, root in ((NAME, "other.crt"), ("db.example.com", "root.crt")):
            with pytest.raises(StoreAccessError, match="certificate"):
                connected(host, root)
    finally:
        made.stop("immediate")


@pytest.mark.slow
def test_a_server_elsewhere_without_tls_is_refused(server: postgres_server.Server, folder: Path) -> None:
    (folder / "root.crt").write_text("")
    place = f"host={NAME} hostaddr=127.0.0.1 port={server.port} dbname=postgres user=themis"
    with (
        closing(PostgresRunStore(f"{place} sslrootcert={folder / 'root.crt'}")) as store,
        pytest.raises((StoreAwayError, StoreAccessError), match=r"SSL|certificate"),
    ):
        store.initialize()
