"""What killed processes leave in a queue's folder, and what jobs leave that are gone, is removed; nothing else is."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from themis.core.errors import StoreError
from themis.core.queue import FileQueue
from themis.core.queue.folder import locks
from themis.core.queue.model.layout import JOB_FOLDERS, PRUNABLE
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.sqlite.jobs import SqliteJobStore

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        yield opened


def make_old(path: Path) -> Path:
    path.touch()
    os.utime(path, (time.time() - 7_200, time.time() - 7_200))
    return path


def test_a_lock_goes_with_its_job_and_comes_with_it_again(here: World) -> None:
    key = here.submit("run-1")
    here.queue.admin.cancel(key)
    lock = here.queue.path / "locks" / f"{key}.lock"
    assert lock.exists()
    assert [
        item.name for item in here.queue.admin.prune(here.queue.admin.prunable(PRUNABLE, time.time_ns() + HOUR_NS))
    ] == [key]
    assert not lock.exists()
    here.submit("run-1", rerun=True)
    assert here.drain() == 1


def test_lock_files_of_no_job_are_swept_and_those_of_jobs_and_holders_stay(here: World) -> None:
    key = here.submit("run-1")
    folder = here.queue.path / "locks"
    for name in ("0" * 16, "f" * 16, f"{'a' * 16}.s001of002", "rejecting"):
        (folder / f"{name}.lock").touch()
    held = locks.acquire(folder, "e" * 16)
    assert held is not None
    assert here.queue.admin.sweep() == 3
    assert {path.stem for path in folder.iterdir()} == {key, "rejecting", "e" * 16}
    held.release()
    assert here.queue.admin.sweep() == 1


def test_no_lock_is_swept_while_a_store_cannot_be_opened(here: World) -> None:
    here.submit("run-1")

    def gone(address: StoreAddress) -> SqliteJobStore:
        raise StoreError(path=address.path, detail="is not there")

    stray = here.queue.path / "locks" / f"{'0' * 16}.lock"
    stray.touch()
    assert FileQueue(here.queue.path, gone).admin.sweep() == 0
    assert stray.exists()


@pytest.mark.parametrize("folder", [*JOB_FOLDERS, "rejected", "tmp"])
def test_probes_of_killed_processes_are_found_by_the_doctor_and_swept(here: World, folder: str) -> None:
    here.submit("run-1")
    old = make_old(here.queue.path / folder / ".probe-0123456789abcdef")
    young = here.queue.path / folder / ".probe-fedcba9876543210"
    young.touch()
    (looked,) = here.queue.admin.doctor(fix=False)
    assert (looked.what, looked.fixed) == (str(old), False)
    assert here.queue.admin.sweep() == 1
    assert (old.exists(), young.exists()) == (False, True)
    make_old(old)
    assert [finding.fixed for finding in here.queue.admin.doctor()] == [True]
    assert not old.exists()


def test_rows_and_files_are_compared_over_many_pages_and_stores_alike(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themis.core.queue.folder.store_registry._PAGE", 3)
    keys = sorted(here.submit(f"run-{number}") for number in range(10))
    for key in keys[:8]:
        here.queue.admin.cancel(key)
    for key in (keys[0], keys[4], keys[9]):
        next(here.queue.path.glob(f"*/*{key}.json")).unlink()
    stray = keys[5]
    (here.queue.path / "done" / f"{stray}.json").write_bytes(
        (here.queue.path / "cancelled" / f"{stray}.json").read_bytes()
    )
    found = {finding.what: finding.problem for finding in here.queue.admin.doctor(fix=False)}
    assert found == {
        keys[0]: "its file had vanished",
        keys[4]: "its file had vanished",
        stray: "its file was in done",
        keys[9]: "its file had vanished",
    }
    assert all(finding.fixed for finding in here.queue.admin.doctor())
    assert here.queue.admin.doctor() == []
    pruned = here.queue.admin.prune(here.queue.admin.prunable(PRUNABLE, time.time_ns() + HOUR_NS))
    assert sorted(item.name for item in pruned) == keys[:8]
