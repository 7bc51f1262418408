"""Shards that fail in several processes stop when all of them together have failed too often in a row."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from themis.core.engine.extents.other_shards import LOOK_S

SHARDS, CASES_OF_SHARD, CALL_S = 8, 25, 0.05
FAILURES = 40
"""More than a shard has cases: no shard stops by its own failures."""

MODULE = f"""
import asyncio, os
from pathlib import Path

class Failing:
    component_id, version = "lab/failing", "1"

    def fingerprint(self):
        return "1"

    async def generate(self, case, ctx):
        descriptor = os.open(Path(__file__).parent / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{{os.getpid()}}\\n".encode())
        os.close(descriptor)
        await asyncio.sleep({CALL_S})
        raise ValueError("no answer")
"""


@pytest.fixture(params=["folder", "rows"])
def queue(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The place of a queue: a folder, with a store beside it, or rows."""
    if request.param == "folder":
        return str(tmp_path / "queue")
    monkeypatch.setenv("ROWS_DB", postgres_server.schema_url())
    return "store:env:ROWS_DB"


def themis(folder: Path, *words: str) -> Any:
    """What a command says, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "themis", *words, "--json"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode in {0, 3}, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_shards_of_two_processes_stop_together_and_those_after_them_ask_nothing(tmp_path: Path, queue: str) -> None:
    (tmp_path / "failing.py").write_text(MODULE)
    cases = [{"case_id": f"c{no}", "input": "q", "expected_output": "a"} for no in range(SHARDS * CASES_OF_SHARD)]
    storage = {"store": "sqlite", "parameters": {"path": str(tmp_path / "themis.sqlite3")}}
    if "ROWS_DB" in queue:
        storage = {"store": "postgres", "parameters": {"url": "env:ROWS_DB"}}
    document = {
        "generation": {"generator": "failing:Failing"},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": storage,
        "runtime": {"queue_root": queue, "max_concurrent_tasks": 1, "breaker": {"failures": FAILURES}},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    run_id = themis(tmp_path, "submit", "experiment.yaml", "--shards", str(SHARDS))["run_id"]
    command = [sys.executable, "-m", "themis", "worker", "start", "--queue-root", queue, "--slots", "2", "--drain"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    pids = (tmp_path / "calls").read_text().split()
    assert os.getpid() not in map(int, pids)
    assert FAILURES <= len(pids) <= FAILURES + 2 * (2 * LOOK_S / CALL_S), "a second or two of each process more"
    status = themis(tmp_path, "status", run_id, "--queue-root", queue)
    assert status["state"] == "failed"
    assert "the run stopped, as generation failed" in status["error"]
    failed = [shard["error"] for shard in status["shards"] if shard["state"] == "failed"]
    assert len(failed) >= SHARDS - 4
    assert len(set(failed)) == 1, "all of them for the same reason"
