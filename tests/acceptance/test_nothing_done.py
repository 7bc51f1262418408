"""No command succeeds that has not done what it was asked for: each says what is missing, and ends with 2 or 4."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module

Themis = Any
"""The fixture's class: see conftest."""

STORE = Path("runs/themis.sqlite3")
CONFIG = ("--config", "experiment.yaml")

REMOVES = model_module("""
    (HERE / "runs" / "themis.sqlite3").unlink()
    return GenerationResult(candidate_id="x", final_output="x")
""")


def lose_the_store() -> None:
    for file in list(STORE.parent.glob("themis.sqlite3*")):
        file.unlink()


@pytest.mark.parametrize(
    "words", [["status"], ["status", "--json"], ["status", "--wait", "--timeout", "5"]], ids=" ".join
)
def test_a_status_without_its_store_is_no_status(themis: Themis, words: list[str]) -> None:
    themis.submit()
    lose_the_store()
    done = themis(*words)
    assert (done.code, done.out) == (4, "")
    assert f"{STORE.absolute()}: is not there" in done.err
    assert "no runs yet" not in done.err
    assert not STORE.exists(), "none is made for looking"


def test_a_status_without_one_of_several_stores_says_so_and_is_none_of_all(themis: Themis) -> None:
    themis.submit()
    themis("submit", *CONFIG, "--set", "storage.parameters.path=other.sqlite3")
    Path("other.sqlite3").unlink()
    for words in (["status"], ["status", "--wait", "--timeout", "0"]):
        done = themis(*words)
        assert done.code == (124 if "--wait" in words else 4)
        assert "left out: " in done.err
        assert "other.sqlite3: is not there" in done.err
    assert len(json.loads(themis("status", "--json").out)) == 1


@pytest.mark.slow
def test_a_worker_that_drains_names_what_it_left_and_does_not_succeed(themis: Themis) -> None:
    key, _ = themis.submit()
    lose_the_store()
    done = _worker("--drain")
    assert done.returncode == 4
    assert f"-{key}.json" in done.stderr
    assert "themis.sqlite3: is not there" in done.stderr
    assert "only skipped, unusable jobs are left in the queue: 1 (--drain)" in done.stderr
    assert "nothing is left" not in done.stderr


@pytest.mark.slow
def test_a_worker_that_drains_leaves_jobs_to_others_and_says_so(themis: Themis) -> None:
    themis.submit("--tags", "gpu")
    done = _worker("--drain")
    assert done.returncode == 0
    assert "only jobs for other workers are left in the queue: 1 (--drain)" in done.stderr


@pytest.mark.parametrize("empty", [False, True])
def test_a_worker_that_is_to_drain_no_queue_makes_none(themis: Themis, empty: bool) -> None:
    if empty:
        Path("nowhere").mkdir()
    done = themis("worker", "--queue-root", "nowhere", "--drain")
    assert (done.code, done.out) == (2, "")
    assert "/nowhere: there is no queue to --drain" in done.err
    assert list(Path("nowhere").glob("*")) == []
    assert Path("nowhere").exists() == empty


@pytest.mark.slow
def test_a_worker_gives_up_a_job_whose_store_is_removed_under_it_and_ends(themis: Themis) -> None:
    Path("removes.py").write_text(REMOVES, encoding="utf-8")
    themis.write("experiment.yaml", {**themis.experiment, "generation": {"generator": "removes:Model"}})
    key, _ = themis.submit()
    done = _worker("--drain")
    assert done.returncode == 4
    assert "was removed, moved or replaced while it was in use" in done.stderr
    assert key in done.stderr
    assert not STORE.exists()


def _worker(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "themis", "worker", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
