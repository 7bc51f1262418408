"""A queue, looked at again and again: what is seen of it, and that nothing is written."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import lab
from tests.support.older_store import put_back
from themis.cli.watch.view import lines
from themis.core.config import RuntimeConfig
from themis.core.errors import StoreReadOnlyError
from themis.core.jobs.store_cache import StoreCache
from themis.core.monitor import queue_watcher
from themis.core.monitor.queue_now import QueueNow
from themis.core.monitor.queue_watcher import QueueWatcher
from themis.core.monitor.workers import LiveWorkers
from themis.core.outcomes.outcome import CaseEnd
from themis.core.outcomes.stages import Stage
from themis.core.queue import FileQueue
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.registration import Registration
from themis.core.queue.folder.root import make_root
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis.core.stores.sql.reader import OLDEST_SCHEMA
from themis.core.stores.sqlite.reader import SqliteReader
from themis.core.submission import run_worker_once, submit_experiment

pytestmark = pytest.mark.usefixtures("in_utc")


def report(worker: str, **facts: Any) -> WorkerReport:
    owner = this_process(worker)
    now_ns = time.time_ns()
    made = WorkerReport(worker, owner.host, owner.boot_id, owner.pid, owner.pid_started, "4", now_ns, now_ns)
    return replace(made, **facts)


def submit(folder: Path, *, seed: int = 1, not_before_s: float | None = None, cases: int = 3) -> str:
    """Submit an experiment of `cases` cases; returns its run's id."""
    experiment = lab.experiment(
        datasets=[lab.dataset(cases)],
        seeds=[seed],
        path=folder / "runs.sqlite3",
        runtime=RuntimeConfig(queue_root=str(folder / "queue"), generation_retry_delay=0.0),
    )
    not_before = None if not_before_s is None else datetime.now(UTC) + timedelta(seconds=not_before_s)
    return submit_experiment(experiment, mode="worker_pool", not_before=not_before).run_id


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[QueueWatcher]:
    made = QueueWatcher(tmp_path / "queue")
    yield made
    made.close()


def look_again(root: Path) -> QueueNow:
    with closing(QueueWatcher(root)) as watcher:
        return watcher.look()


def test_a_queue_that_is_not_there_yet_is_seen_as_soon_as_it_is(tmp_path: Path, watcher: QueueWatcher) -> None:
    assert not watcher.look().exists
    assert not (tmp_path / "queue").exists()
    submit(tmp_path)
    assert watcher.look().counts["queued"] == 1


def test_looking_changes_no_file(tmp_path: Path) -> None:
    submit(tmp_path)
    submit(tmp_path, seed=2, not_before_s=3_600)
    run_worker_once(tmp_path / "queue")

    def files() -> dict[Path, tuple[int, int]]:
        found = (path for path in tmp_path.rglob("*") if not path.name.endswith(("-shm", "-wal")))
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in found if path.is_file()}

    before = files()
    look_again(tmp_path / "queue")
    assert files() == before


def test_a_watcher_cannot_write_to_a_store(tmp_path: Path, watcher: QueueWatcher) -> None:
    submit(tmp_path)
    watcher.look()
    (store,) = watcher._stores._stores.values()
    assert isinstance(store.reader, SqliteReader)
    with pytest.raises(StoreReadOnlyError, match="readonly"), store.reader._database.transaction() as connection:
        connection.execute("DELETE FROM jobs")


def test_what_comes_next_stands_in_the_order_of_claiming_and_what_ended_says_why(tmp_path: Path) -> None:
    run_id = submit(tmp_path)
    run_worker_once(tmp_path / "queue")
    second, later = submit(tmp_path, seed=2, cases=7), submit(tmp_path, seed=3, not_before_s=3_600)
    look = look_again(tmp_path / "queue")
    assert [(job.about.run_id, job.total) for job in look.next] == [(second, 7), (later, 3)]
    (ended,) = look.ended
    assert (ended.about.run_id, ended.state, ended.reason) == (run_id, "done", "")
    assert ended.about.datasets == ("lab",)
    assert look.forecast is not None
    assert 3_590 < look.forecast.middle_s < 3_610
    assert look.slots == 0


def test_a_store_that_cannot_be_read_is_said_and_shown_as_it_was(tmp_path: Path, watcher: QueueWatcher) -> None:
    for seed in range(4):
        submit(tmp_path, seed=seed)
    before = watcher.look()
    assert before.troubles == []
    watcher.close()  # it opens the store again
    with closing(sqlite3.connect(tmp_path / "runs.sqlite3", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        look = watcher.look()
        began = time.monotonic()
        watcher.look()
        assert time.monotonic() - began < 2  # it is asked once a look, not once a job
    assert [job.about for job in look.next] == [job.about for job in before.next]
    assert len(look.troubles) == 1
    assert any(line.text.startswith("last known state, as a store is unreadable: ") for line in lines(look, 200))


def test_a_store_that_only_old_workers_have_written_is_watched(tmp_path: Path) -> None:
    submit(tmp_path)
    put_back(tmp_path / "runs.sqlite3", 2)
    look = look_again(tmp_path / "queue")
    assert look.troubles == []
    assert look.next[0].about.run_id is not None


def test_a_store_of_another_schema_or_another_application_is_said(tmp_path: Path) -> None:
    submit(tmp_path)
    for change in ("PRAGMA user_version = 1000", f"PRAGMA user_version = {OLDEST_SCHEMA}; DROP TABLE jobs"):
        with closing(sqlite3.connect(tmp_path / "runs.sqlite3")) as database:
            database.executescript(change)
        look = look_again(tmp_path / "queue")
        assert look.counts["queued"] == 1
        assert len(look.troubles) == 1
        assert look.next[0].about.run_id is None
        assert look.forecast is None


def test_a_workers_torn_file_hides_no_other(tmp_path: Path) -> None:
    root = make_root(tmp_path / "queue").path
    (root / "workers" / "torn.json").write_text('{"worker": "torn", "sl')
    with Registration(root, this_process("good")) as registration:
        registration.write(report("good", slots=(SlotReport(0), SlotReport(1))))
        look = look_again(root)
    assert ([seen.report.worker for seen in look.workers], look.slots) == (["good"], 2)


def test_only_workers_that_live_and_take_jobs_count_for_the_prediction(tmp_path: Path) -> None:
    root = make_root(tmp_path / "queue").path
    with Registration(root, this_process("a")) as one, Registration(root, this_process("b")) as two:
        one.write(report("a", slots=(SlotReport(0),)))
        two.write(report("b", slots=(SlotReport(0),) * 5, state="draining"))
        assert look_again(root).slots == 1
    two.write(report("b", slots=(SlotReport(0),) * 5))
    assert look_again(root).slots == 0


def test_who_paused_a_queue_and_why_is_shown(tmp_path: Path) -> None:
    root = make_root(tmp_path / "queue").path
    assert look_again(root).paused is None
    (root / "paused").write_text('{"by": "ann@h", "at_ns": 1800000000000000000, "reason": "hot", "more": 1}')
    look = look_again(root)
    assert look.paused == Pause("ann@h", 1800000000000000000, "hot")
    assert lines(look, 120)[2].text == "the queue is paused, by ann@h at 2027-01-15 08:00:00 UTC: hot"


def test_a_run_in_a_slot_is_shown_there_and_its_slot_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(tmp_path)
    root, me = tmp_path / "queue", this_process("w")
    with closing(StoreCache()) as stores, Registration(root, me) as registration:
        queue = FileQueue(root, stores)
        claim = queue.claim(me).claim
        assert claim is not None
        slot = SlotReport(0, key=claim.key, attempt=1, total=3, done=2, failed=1)
        registration.write(report("w", slots=(slot, SlotReport(1))))
        look = look_again(root)
        (run,) = look.running
        assert (run.worker, run.slot, run.state, run.done, run.total, look.slots) == ("w", 0, "running", 0, 3, 2)
        monkeypatch.setattr(queue_watcher, "COUNTED_CASES", 2)
        (run,) = look_again(root).running
        assert (run.done, run.failed) == (2, 1)
        queue.admin.cancel(claim.key)
        (run,) = look_again(root).running
        assert run.state == "stopping"
        claim.abandon()


def test_what_was_done_before_this_attempt_says_nothing_about_its_rate(tmp_path: Path) -> None:
    submit(tmp_path)
    with closing(StoreCache()) as stores:
        queue = FileQueue(tmp_path / "queue", stores)
        for attempt in (1, 2):
            claim = queue.claim(this_process("w")).claim
            assert claim is not None
            store = stores.run_store(claim.manifest.store)
            store.append(claim.manifest.run_id, [], [CaseEnd(0, 0, "q0", b"0", failed=True, through=Stage.GENERATE)])
            (run,) = look_again(tmp_path / "queue").running
            assert (run.done, run.failed, run.attempt) == (1, 1, attempt)
            assert (run.rate is None, run.left_s is None) == (attempt == 2, attempt == 2)
            claim.give_back()


def test_the_owner_of_a_job_lives_while_its_process_does(tmp_path: Path) -> None:
    live, me = LiveWorkers([]), this_process("w")
    assert live.lives(me)
    assert not live.lives(replace(me, pid_started=me.pid_started + 1))
    assert live.lives(replace(me, host="elsewhere", pid_started=1))
    assert not live.lives(replace(me, pid=2**22 + 1))
    dead = SeenWorker(report("w"), alive=False)
    assert not LiveWorkers([dead]).lives(me)
    assert live.slots([me, replace(me, pid=2**22 + 1)]) == 1
