"""How deep a queue is can be read from names alone, whatever names there are."""

import os
import time
from pathlib import Path

import pytest

from themis.core.monitor.depth import look
from themis.core.monitor.queue_files import read
from themis.core.queue.folder.root import make_root
from themis.core.queue.model import layout

NS = 1_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_root(tmp_path / "queue").path


def put(root: Path, folder: str, name: str) -> None:
    (root / folder / name).write_text("{}")


def stamp(age_s: float) -> str:
    return layout.stamp(time.time_ns() - int(age_s * NS))


def test_the_depth_of_a_queue_is_read_from_the_names_of_its_files(root: Path) -> None:
    put(root, "queued", f"0-{stamp(10)}-{'a' * 16}.json")
    put(root, "queued", f"9-{stamp(5_000)}-{'b' * 16}.json")
    put(root, "queued", f"5-{stamp(100)}-{'c' * 16}.json")
    put(root, "queued", ".5-hidden.json")
    put(root, "waiting", f"{stamp(-500)}-5-{'d' * 16}.json")
    put(root, "claimed", f"{'e' * 16}.1.{'0' * 16}.json")
    put(root, "done", f"{'f' * 16}.json")
    put(root, "rejected", "bad.json")
    put(root, "rejected", "bad.json.reason.json")
    depth = look(root)
    assert depth.jobs == {"queued": 3, "waiting": 1, "running": 1, "done": 1, "failed": 0, "cancelled": 0}
    assert depth.oldest_s["queued"] == pytest.approx(5_000, abs=5)
    assert depth.oldest_s["waiting"] == 0
    assert 0 <= depth.oldest_s["running"] < 5
    assert depth.rejected == 1


def test_a_job_whose_time_has_come_and_whom_nobody_takes_grows_old(root: Path) -> None:
    put(root, "waiting", f"{stamp(300)}-5-{'a' * 16}.json")
    put(root, "waiting", f"{stamp(-300)}-5-{'b' * 16}.json")
    assert look(root).oldest_s["waiting"] == pytest.approx(300, abs=5)


def test_the_time_of_a_claim_is_that_of_the_rename(root: Path) -> None:
    name = f"{'e' * 16}.1.{'0' * 16}.json"
    put(root, "tmp", name)
    os.utime(root / "tmp" / name, ns=(0, 0))
    time.sleep(0.3)
    before_s = time.monotonic()
    (root / "tmp" / name).rename(root / "claimed" / name)
    assert look(root).oldest_s["running"] < time.monotonic() - before_s + 0.1


@pytest.mark.parametrize("name", ["0", "0-", "nonsense", f"0-99999999T999999999999999Z-{'a' * 16}.json", "0-\udcff"])
def test_a_name_that_is_no_jobs_makes_no_age_and_hides_no_other(root: Path, name: str) -> None:
    put(root, "queued", name)
    assert look(root).oldest_s["queued"] == 0
    put(root, "queued", f"5-{stamp(100)}-{'c' * 16}.json")
    assert look(root).oldest_s["queued"] == pytest.approx(100, abs=5)


def test_a_folder_that_is_no_queue_is_an_empty_one(tmp_path: Path) -> None:
    depth = look(tmp_path / "nowhere")
    assert set(depth.jobs.values()) == set(depth.oldest_s.values()) == {0}


def test_a_time_in_a_name_can_be_read_back() -> None:
    for time_ns in (0, 1, 1_767_225_600_123_456_789, time.time_ns()):
        assert layout.time_of(layout.stamp(time_ns)) == time_ns
    assert layout.time_of("99999999T999999999999999Z") is None


def test_names_that_are_no_jobs_are_counted_and_not_looked_into(root: Path) -> None:
    (root / "queued" / "hello.txt").touch()
    (root / "queued" / ".hidden").touch()
    found = read(root)
    assert (found.counts["queued"], found.upcoming(10).queued) == (1, [])
    (job,) = found.jobs(["queued"], None)
    assert (job.key, job.path) == (None, f"{root}/queued/hello.txt")
