"""Workers of a queue of rows: their names, whether they live, and requests to stop."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes.row_world import RowWorld, clocked_url
from tests.unit.queue.folder.test_registration import report_of
from themis.core.errors import WorkerNameError
from themis.core.queue.folder.worker_liveness import FORGOTTEN_S, SILENT_S
from themis.core.queue.rows.this_host import FOLDER_VARIABLE
from themis.core.stores.job_rows import Owner

pytestmark = pytest.mark.slow


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RowWorld]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    with closing(RowWorld(clocked_url())) as world:
        world.submit("run")
        yield world


def far(worker: str) -> Owner:
    return Owner(worker, "far", "boot", 77, 1)


def test_a_worker_is_seen_with_its_report_until_it_ends(here: RowWorld) -> None:
    with closing(here.queue.register(here.owner)) as registered:
        registered.write(report_of(here.owner.worker, claimed=3))
        (seen,) = here.queue.workers.seen()
        assert (seen.alive, seen.report.claimed) == (True, 3)
    assert here.queue.workers.seen() == []


def test_a_name_is_taken_while_its_worker_lives_by_the_clock_of_the_store(here: RowWorld) -> None:
    here.queue.register(far("gpu"))
    with pytest.raises(WorkerNameError, match="already runs"):
        here.queue.register(replace(here.owner, worker="gpu"))
    here.put_clock(SILENT_S + 1)
    assert [seen.alive for seen in here.queue.workers.seen()] == [False]
    here.queue.register(replace(here.owner, worker="gpu"))
    assert [seen.report.host for seen in here.queue.workers.seen()] == [here.owner.host]


def test_a_worker_hears_with_its_heartbeat_that_it_is_to_stop(here: RowWorld) -> None:
    registered = here.queue.register(here.owner)
    registered.write(report_of(here.owner.worker))
    assert not registered.stop_requested
    here.queue.workers.request_stop([here.owner.worker])
    registered.write(report_of(here.owner.worker))
    assert registered.stop_requested


def test_dead_workers_of_other_hosts_are_forgotten_after_a_long_silence(here: RowWorld) -> None:
    here.queue.register(far("gpu"))
    here.put_clock(SILENT_S + 1)
    here.queue.workers.forget_dead()
    assert len(here.queue.workers.seen()) == 1
    here.put_clock(FORGOTTEN_S)
    here.queue.workers.forget_dead()
    assert here.queue.workers.seen() == []
