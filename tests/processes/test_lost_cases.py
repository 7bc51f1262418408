"""A case that kills the process of its job ends alone: three deaths at most, and the job continues with the others."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes.worker_world import MISBEHAVING
from tests.support import postgres_server
from themis.core.queue.rows.this_host import FOLDER_VARIABLE

ROWS = "store:env:ROWS_DB"
CAUSES = {"segfault": "signal", "exit": "exit code", "kill itself": "signal", "kill its parent": "worker lost"}


@dataclass
class Lab:
    """A folder with a module of misbehaving components, and a queue that is a folder or rows."""

    folder: Path
    kind: str
    run_id: str = ""

    @property
    def place(self) -> str:
        return ROWS if self.kind == "rows" else str(self.folder / "queue")

    def themis(self, *words: str) -> Any:
        """What a command that must succeed says, as JSON."""
        command = [sys.executable, "-m", "themis", *words, "--json"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode in {0, 3}, done.stderr
        return json.loads(done.stdout)

    def submit(self, deeds: Sequence[str], **runtime: object) -> str:
        """Queue a job of a case for each deed; returns its key."""
        cases = [{"case_id": f"c{no}", "input": deed, "expected_output": "well"} for no, deed in enumerate(deeds)]
        (self.folder / "cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases))
        store = {"store": "sqlite", "parameters": {"path": str(self.folder / "themis.sqlite3")}}
        if self.kind == "rows":
            store = {"store": "postgres", "parameters": {"url": "env:ROWS_DB"}}
        document = {
            "generation": {"generator": "misbehaving:Misbehaving"},
            "evaluation": {"metrics": ["builtin/exact_match"], "parsers": ["builtin/json_identity"]},
            "storage": store,
            "runtime": {"queue_root": self.place, **runtime},
            "datasets": [{"dataset_id": "deeds", "path": "cases.jsonl"}],
        }
        (self.folder / "experiment.yaml").write_text(json.dumps(document))
        self.run_id = self.themis("submit", "experiment.yaml")["run_id"]
        (job,) = self.themis("queue", "list", "--config", "experiment.yaml")["jobs"]
        return str(job["key"])

    def drain(self, *words: str) -> str:
        """Run jobs until none is left; returns what the daemon said."""
        command = [sys.executable, "-m", "themis", "worker", "start", "--queue-root", self.place, "--drain", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def shown(self, key: str) -> Any:
        return self.themis("queue", "show", key, "--queue-root", self.place)

    def failures(self) -> dict[str, str]:
        """The categories of the failed cases of the run, by their ids."""
        status = self.themis("status", self.run_id, "--queue-root", self.place)
        return {case: group["category"] for group in status["failure_reasons"] for case in group["cases"]}

    def calls(self) -> Counter[str]:
        """How often each case was begun."""
        return Counter((self.folder / "calls").read_text().split())


@pytest.fixture(params=["folder", "rows"])
def lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    if request.param == "rows":
        monkeypatch.setenv("ROWS_DB", postgres_server.schema_url())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "queues"))
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    return Lab(tmp_path, request.param)


def among(deed: str, count: int, *at: int) -> list[str]:
    return [deed if no in at else "well" for no in range(count)]


@pytest.mark.parametrize("tasks", [1, 16])
@pytest.mark.parametrize("deed", CAUSES)
def test_a_case_that_kills_its_process_ends_as_worker_lost_and_the_job_is_done(lab: Lab, deed: str, tasks: int) -> None:
    key = lab.submit(among(deed, 60, 30), max_concurrent_tasks=tasks)
    lab.drain()
    shown = lab.shown(key)
    assert [attempt["cause"] for attempt in shown["attempts"]] == [CAUSES[deed]] * 3 + ["done"]
    assert (shown["state"], shown["failures"], shown["lost"]) == ("done", 0, 0)
    assert lab.failures() == {"c30": "worker_lost"}
    assert lab.calls()["c30"] == 3
