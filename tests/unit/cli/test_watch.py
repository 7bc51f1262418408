"""What `queue watch` sees, and how it says it."""

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
from themis.cli.watch import facts
from themis.cli.watch.crew import Crew
from themis.cli.watch.facts import Watcher
from themis.cli.watch.folders import Sparingly, read_folders
from themis.cli.watch.stores import SCHEMA
from themis.cli.watch.values import About, Ended, Look, Next, Running
from themis.cli.watch.view import about, lines, outlook
from themis.core.config import RuntimeConfig
from themis.core.errors import StoreReadOnlyError
from themis.core.outcomes import CaseEnd
from themis.core.queue import FileQueue
from themis.core.queue.forecast import Forecast
from themis.core.queue.pausing import Pause
from themis.core.queue.processes import this_process
from themis.core.queue.root import make_root
from themis.core.stages import Stage
from themis.core.store_cache import StoreCache
from themis.core.submission import run_worker_once, submit_experiment
from workers.registry import Registration, SeenWorker, SlotReport, WorkerReport

NOW_NS = 1_800_000_000 * 10**9


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
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    made = Watcher(tmp_path / "queue")
    yield made
    made.close()


def look_again(root: Path) -> Look:
    with closing(Watcher(root)) as watcher:
        return watcher.look()


# --- looking


def test_a_queue_that_is_not_there_yet_is_seen_as_soon_as_it_is(tmp_path: Path, watcher: Watcher) -> None:
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


def test_a_watcher_cannot_write_to_a_store(tmp_path: Path, watcher: Watcher) -> None:
    submit(tmp_path)
    watcher.look()
    (store,) = watcher._stores._stores.values()
    with pytest.raises(StoreReadOnlyError, match="readonly"), store._database.transaction() as connection:
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


def test_a_store_that_cannot_be_read_is_said_and_shown_as_it_was(tmp_path: Path, watcher: Watcher) -> None:
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
    assert any(line.text.startswith("as it was before: ") for line in lines(look, 200))


def test_a_store_that_only_old_workers_have_written_is_watched(tmp_path: Path) -> None:
    submit(tmp_path)
    with closing(sqlite3.connect(tmp_path / "runs.sqlite3")) as database:
        database.executescript("ALTER TABLE outcomes DROP COLUMN category; PRAGMA user_version = 2")
    look = look_again(tmp_path / "queue")
    assert look.troubles == []
    assert look.next[0].about.run_id is not None


def test_a_store_of_another_schema_or_another_application_is_said(tmp_path: Path) -> None:
    submit(tmp_path)
    for change in ("PRAGMA user_version = 1000", f"PRAGMA user_version = {SCHEMA}; DROP TABLE jobs"):
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
    assert lines(look, 120)[2].text == "the queue is paused, by ann@h at 2027-01-15 08:00:00Z: hot"


def test_names_that_are_no_jobs_are_counted_and_not_shown(tmp_path: Path) -> None:
    root = make_root(tmp_path / "queue").path
    (root / "queued" / "hello.txt").touch()
    (root / "queued" / ".hidden").touch()
    found = read_folders(root)
    assert (found.counts["queued"], found.queued) == (1, [])


def test_what_takes_long_is_found_out_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    found: list[float] = []

    def find() -> float:
        clock[0] += 2.0
        found.append(clock[0])
        return clock[0]

    value = Sparingly(find)
    for _ in range(100):
        value.get()
        clock[0] += 1.0
    assert 2 <= len(found) <= 4
    assert value.get() == found[-1]


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
        monkeypatch.setattr(facts, "COUNTED_CASES", 2)
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
    crew, me = Crew([]), this_process("w")
    assert crew.lives(me)
    assert not crew.lives(replace(me, pid_started=me.pid_started + 1))
    assert crew.lives(replace(me, host="elsewhere", pid_started=1))
    assert not crew.lives(replace(me, pid=2**22 + 1))
    dead = SeenWorker(report("w"), alive=False)
    assert not Crew([dead]).lives(me)
    assert crew.slots([me, replace(me, pid=2**22 + 1)]) == 1


# --- saying


ABOUT = About("4f1c09ab00112233", "ab" * 32, "acme/a-model-with-a-rather-long-name", ("grade-school-math", "\x1b[2J"))
FULL = Look(
    queue_root="/srv/evaluations/of/the/whole/team/runs/queue",
    at_ns=NOW_NS,
    paused=Pause("ann\x1b]0;x\x07@host", NOW_NS, "the GPU\nis hot " * 20),
    counts={"running": 30, "queued": 99_000, "waiting": 1, "failed": 0, "cancelled": 0, "done": 5, "rejected": 1},
    slots=30,
    forecast=Forecast(5_000.0, 9_000.0, 20_000.0, 9_000.0, slots=30, sampled=500, jobs=99_001),
    workers=[
        SeenWorker(
            report(f"worker-{no}", slots=(SlotReport(0, key="k"),), why="the disk is full", tags=("gpu",)), no > 0
        )
        for no in range(12)
    ],
    running=[Running(ABOUT, "running", 1, "worker", 0, 60.0, 1_000, 250, 3, 0.01, 75_000.0)] * 29
    + [Running(ABOUT, "lost", 2, "worker", None, 60.0, 0, 0, 0, None, None)],
    next=[Next(ABOUT, 5, 1, 1_000, None), Next(ABOUT, 5, 2, 1_000, NOW_NS + 10**12)],
    ended=[Ended(ABOUT, "failed", 3, NOW_NS - 10**10, 7_000.0, "exception: " + "no answer to this " * 20)],
    troubles=["/srv/store.sqlite3: another process kept the database locked"],
)


@pytest.mark.parametrize("width", [1, 40, 80, 120, 300])
def test_nothing_is_wider_than_the_terminal_nor_does_anything_to_it(width: int) -> None:
    found = lines(FULL, width)
    assert len(found) > len(FULL.running)
    assert all(len(line.text) <= width and line.text.isprintable() for line in found)


@pytest.mark.parametrize("height", [24, 30, 45])
def test_it_is_no_taller_than_the_terminal_and_says_what_is_left_out(height: int) -> None:
    found = [line.text for line in lines(FULL, 120, height)]
    assert len(found) <= height
    assert any(text.startswith("workers, ") and text.endswith(" of 12") for text in found)
    assert any(text.startswith("running, ") and text.endswith(" of 30") for text in found)
    assert any(text.startswith("next, ") and text.endswith(" of 99,001") for text in found)


def test_at_eighty_columns_a_run_has_what_one_looks_for() -> None:
    texts = [line.text for line in lines(FULL, 80)]
    labels = texts[texts.index("running") + 1].split()
    assert {"job", "experiment", "cases", "failed", "rate", "left"} <= set(labels)
    assert "250/1,000" in texts[texts.index("running") + 2]
    assert "36/h" in texts[texts.index("running") + 2]


def test_the_outlook_says_what_it_knows_and_what_not() -> None:
    sure = Forecast(100.0, 100.0, 100.0, 100.0, slots=30, sampled=9, jobs=9)
    ready = replace(FULL, paused=None, forecast=sure)
    assert outlook(ready) == "empty in about 2 min, at 08:01Z; 30 slots"
    guessed = outlook(replace(ready, forecast=FULL.forecast))
    assert guessed == "empty in about 2.5 h (83 min to 5.6 h), at 10:30Z; 30 slots, going by the next 500"
    assert outlook(replace(ready, slots=0)) == "no worker takes jobs; one slot would need about 2 min"
    assert outlook(replace(ready, paused=Pause(None, NOW_NS, None))) == "paused; about 2 min for 30 slots"
    waits = outlook(replace(ready, forecast=replace(sure, work_s=20.0)))
    assert waits == "empty in about 2 min, at 08:01Z; 30 slots; only 20 s of it is work, as jobs wait for their time"
    assert "is unknown" in outlook(replace(ready, forecast=None))
    assert outlook(replace(ready, counts={"done": 3}, slots=1)) == "nothing is left to do; 1 slot"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "1 s"),
        (9.4, "9 s"),
        (44.0, "40 s"),
        (58.0, "1 min"),
        (7_100.0, "118 min"),
        (9_000.0, "2.5 h"),
        (1e6, "11.6 d"),
    ],
)
def test_a_guess_is_said_no_more_exactly_than_it_is(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_a_look_is_one_json_value_a_job_being_flat() -> None:
    document = FULL.document()
    assert document["running"][0]["key"] == "4f1c09ab00112233"
    assert document["workers"][0]["worker"] == "worker-0"
    assert (document["workers"][0]["alive"], document["paused"]["at_ns"]) == (False, NOW_NS)
