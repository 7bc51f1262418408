"""Workers say who they are in files, and prove by locks that they live."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from themis.core.errors import WorkerNameError
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.registration import Registration
from themis.core.queue.folder.root import make_root
from themis.core.queue.folder.worker_registry import forget_dead, request_stop, workers_of
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport

DIES_REGISTERED = """
import os, sys
from pathlib import Path
from tests.unit.queue.folder.test_registration import report_of
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.registration import Registration
registration = Registration(Path(sys.argv[1]), this_process("gone"))
registration.write(report_of("gone"))
os._exit(9)
"""


def report_of(worker: str, **facts: Any) -> WorkerReport:
    owner, now_ns = this_process(worker), time.time_ns()
    report = WorkerReport(worker, owner.host, owner.boot_id, owner.pid, owner.pid_started, "4", now_ns, now_ns)
    return replace(report, **facts)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path / "queue").path


def test_a_worker_that_lives_is_seen_as_it_reports_itself(root: Path) -> None:
    report = report_of("one", tags=("gpu",), slots=(SlotReport(0, key="k", total=3), SlotReport(1)), ended={"done": 2})
    with Registration(root, this_process("one")) as registration:
        registration.write(report)
        (seen,) = workers_of(root)
        assert (seen.report, seen.alive) == (report, True)
    assert workers_of(root) == []


def test_a_name_is_given_once(root: Path) -> None:
    with (
        Registration(root, this_process("one")),
        pytest.raises(WorkerNameError, match="a worker of that name already runs"),
    ):
        Registration(root, this_process("one"))


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "a\nb", "x" * 101])
def test_a_name_that_is_no_file_name_is_refused(root: Path, name: str) -> None:
    owner = this_process("x")
    with pytest.raises(WorkerNameError, match="letters, digits"):
        Registration(root, type(owner)(name, owner.host, owner.boot_id, owner.pid, owner.pid_started))


def test_a_worker_that_died_without_a_word_is_seen_as_dead_and_can_be_forgotten(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES_REGISTERED, str(root)], check=False)
    assert done.returncode == 9
    (seen,) = workers_of(root)
    assert (seen.report.worker, seen.alive) == ("gone", False)
    forget_dead(root)
    assert workers_of(root) == []
    assert list((root / "workers").iterdir()) == []
    Registration(root, this_process("gone")).close()


def test_a_worker_that_leaves_leaves_nothing(root: Path) -> None:
    with Registration(root, this_process("one")) as registration:
        registration.write(report_of("one"))
    assert list((root / "workers").iterdir()) == []


def test_old_locks_of_no_worker_are_forgotten_and_those_of_live_ones_are_not(root: Path) -> None:
    folder = root / "workers"
    for name in ("old", "young", "kept"):
        (folder / f"{name}.lock").touch()
    an_hour_ago = time.time() - 3_600
    for name in ("old", "kept"):
        os.utime(folder / f"{name}.lock", (an_hour_ago, an_hour_ago))
    (folder / "kept.json").write_text("{}")
    with Registration(root, this_process("alive")):
        os.utime(folder / "alive.lock", (an_hour_ago, an_hour_ago))
        forget_dead(root)
        assert {path.name for path in folder.iterdir()} == {"young.lock", "kept.json", "kept.lock", "alive.lock"}


def test_a_worker_of_another_host_is_forgotten_when_it_has_been_silent_for_a_day(root: Path) -> None:
    now_ns = time.time_ns()
    for name, age_s in (("hour", 3_600), ("days", 200_000)):
        path = root / "workers" / f"{name}.json"
        report = report_of(name, host="elsewhere", heartbeat_ns=now_ns - age_s * 1_000_000_000)
        path.write_text(json.dumps(asdict(report)))
    forget_dead(root)
    assert [seen.report.worker for seen in workers_of(root)] == ["hour"]


def test_a_worker_of_another_host_lives_as_long_as_its_heart_beats(root: Path) -> None:
    now_ns = time.time_ns()
    for name, age_s in (("fresh", 1), ("silent", 3_600)):
        report = report_of(name, host="elsewhere", heartbeat_ns=now_ns - age_s * 1_000_000_000)
        Registration(root, this_process(name)).write(report)
    assert {seen.report.worker: seen.alive for seen in workers_of(root)} == {"fresh": True, "silent": False}


def test_a_request_to_stop_is_seen_by_that_worker_alone_and_ends_with_it(root: Path) -> None:
    with Registration(root, this_process("one")) as one, Registration(root, this_process("two")) as two:
        request_stop(root, ["one"])
        assert (one.stop_requested, two.stop_requested) == (True, False)
    with Registration(root, this_process("one")) as again:
        assert not again.stop_requested


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"worker": "bad"}',
        json.dumps({"worker": "other"}),
        "[" * 100_000,
        '{"worker": "bad", "pid": "x"}',
        json.dumps({**asdict(report_of("bad")), "heartbeat_ns": 10**400}),
        json.dumps({**asdict(report_of("bad")), "claimed": -1}),
    ],
)
def test_a_file_that_is_no_report_hides_no_other(root: Path, text: str) -> None:
    (root / "workers" / "bad.json").write_text(text)
    with Registration(root, this_process("good")) as registration:
        registration.write(report_of("good"))
        assert [seen.report.worker for seen in workers_of(root)] == ["good"]


def test_a_report_of_a_newer_worker_that_says_more_is_read(root: Path) -> None:
    with Registration(root, this_process("new")) as registration:
        registration.write(report_of("new"))
        path = root / "workers" / "new.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "fine"}))
        assert [seen.report.worker for seen in workers_of(root)] == ["new"]
