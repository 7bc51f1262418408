"""News of a queue of rows wake a worker; a connection that is lost is made again."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.row_world import RowWorld, clocked_url
from themis.core.errors import StoreAwayError
from themis.core.queue.rows.row_queue import RowQueue
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis_workers import queue_watch
from themis_workers.queue_watch import NewsWatch, watch_of
from themis_workers.telemetry import logs
from themis_workers.wake import Wake

pytestmark = pytest.mark.slow


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RowWorld]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    monkeypatch.setattr(queue_watch, "LOOK_AFTER_S", 0.0)
    with closing(RowWorld(clocked_url(), rescan_s=600.0)) as world:
        yield world


@pytest.fixture
def wake() -> Iterator[Wake]:
    with Wake() as made:
        yield made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(logs, "warn", lambda what, **_: found.append(what))
    monkeypatch.setattr(logs, "tell", lambda what, **_: found.append(what))
    return found


def test_a_worker_that_found_nothing_finds_a_job_as_soon_as_it_is_submitted(here: RowWorld, wake: Wake) -> None:
    with closing(watch_of(here.queue, wake)) as watch:
        assert isinstance(watch, NewsWatch)
        assert here.claim() is None
        here.submit("run")
        assert here.claim() is None, "it has not slept, and so not heard"
        wake.sleep(10)
        assert here.claim() is not None


def test_a_connection_that_the_server_has_ended_is_made_again_and_what_was_missed_is_found(
    here: RowWorld, wake: Wake
) -> None:
    with closing(watch_of(here.queue, wake)) as watch:
        assert here.claim() is None
        here.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE starts_with(query, 'LISTEN') AND datname = current_database()"
        )
        here.submit("missed")
        wake.sleep(10)
        watch.look_after()
        assert here.claim() is not None
        here.submit("heard")
        assert here.claim() is not None


def test_a_worker_that_cannot_listen_says_so_once_and_looks_now_and_then(
    here: RowWorld, wake: Wake, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    def away(_: RowQueue) -> None:
        raise StoreAwayError(path="server", detail="gone")

    with monkeypatch.context() as patch:
        patch.setattr(RowQueue, "listen", away)
        watch = watch_of(here.queue, wake)
        watch.look_after()
    assert said == ["no news of the queue are heard: new jobs are found by polling"]
    with closing(watch):
        watch.look_after()
        assert said[1:] == ["news of the queue are heard again"]
