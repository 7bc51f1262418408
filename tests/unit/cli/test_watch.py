"""How `queue watch` says what it sees."""

import time
from dataclasses import replace
from typing import Any

import pytest

from themis.cli.watch.view import about, lines, outlook
from themis.core.monitor.queue_now import About, EndedJob, QueueNow, RunningJob, UpcomingJob
from themis.core.queue.admin.forecast import Forecast
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport

pytestmark = pytest.mark.usefixtures("in_utc")

NOW_NS = 1_800_000_000 * 10**9


def report(worker: str, **facts: Any) -> WorkerReport:
    owner = this_process(worker)
    now_ns = time.time_ns()
    made = WorkerReport(worker, owner.host, owner.boot_id, owner.pid, owner.pid_started, "4", now_ns, now_ns)
    return replace(made, **facts)


ABOUT = About("4f1c09ab00112233", "ab" * 32, "acme/a-model-with-a-rather-long-name", ("grade-school-math", "\x1b[2J"))
FULL = QueueNow(
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
    running=[RunningJob(ABOUT, "running", 1, "worker", 0, 60.0, 1_000, 250, 3, 0.01, 75_000.0)] * 29
    + [RunningJob(ABOUT, "lost", 2, "worker", None, 60.0, 0, 0, 0, None, None)],
    next=[UpcomingJob(ABOUT, 5, 1, 1_000, None), UpcomingJob(ABOUT, 5, 2, 1_000, NOW_NS + 10**12)],
    ended=[EndedJob(ABOUT, "failed", 3, NOW_NS - 10**10, 7_000.0, "exception: " + "no answer to this " * 20)],
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
    assert {"job", "cases", "failed", "rate", "left"} <= set(labels)
    assert "250/1,000" in texts[texts.index("running") + 2]
    assert "36/h" in texts[texts.index("running") + 2]
    assert texts[texts.index("running") + 3].startswith("  acme/a-model-with-a-rather-long-name on grade-school-math")


def test_the_outlook_says_what_it_knows_and_what_not() -> None:
    sure = Forecast(100.0, 100.0, 100.0, 100.0, slots=30, sampled=9, jobs=9)
    ready = replace(FULL, paused=None, forecast=sure)
    assert outlook(ready) == "empty in about 2 min, at 08:01 UTC; 30 slots"
    guessed = outlook(replace(ready, forecast=FULL.forecast))
    assert guessed == "empty in about 2.5 h (83 min to 5.6 h), at 10:30 UTC; 30 slots, judging by the next 500"
    assert outlook(replace(ready, slots=0)) == "no worker takes jobs; one slot would need about 2 min"
    assert outlook(replace(ready, paused=Pause(None, NOW_NS, None))) == "paused; about 2 min for 30 slots"
    waits = outlook(replace(ready, forecast=replace(sure, work_s=20.0)))
    assert waits.startswith("empty in about 2 min, at 08:01 UTC; 30 slots; ")
    assert waits.endswith("; only 20 s of it is work, as jobs wait for a later time")

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
