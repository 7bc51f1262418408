"""A case that kills the process of its job ends alone: three deaths at most, and the job continues with the others."""

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.processes.test_shard_ends import END_FUNCTION, END_TRIGGER, SEEN, SQLITE_TRIGGER
from tests.processes.worker_world import MISBEHAVING
from tests.support import postgres_server
from tests.support.waiting import text_of
from themis.core.queue.model.case_losses import MOST_LOST_CASES
from themis.core.queue.rows.this_host import FOLDER_VARIABLE

ROWS = "store:env:ROWS_DB"
CAUSES = {"segfault": "signal", "exit": "exit code", "kill itself": "signal", "kill its parent": "worker lost"}
SHORT_FORM = {("kill itself", 16), ("kill its parent", 1)}


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

    def submit(self, deeds: Sequence[str], *, shards: int = 1, **runtime: object) -> str:
        """Queue a job of a case for each deed, or a run in several; returns the key of the first."""
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
        self.run_id = self.themis("submit", "experiment.yaml", "--shards", str(shards))["run_id"]
        jobs = self.themis("queue", "list", "--config", "experiment.yaml")["jobs"]
        assert len(jobs) == shards
        return str(min(job["key"] for job in jobs))

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

    def causes(self, key: str) -> list[str]:
        """How each attempt of a job ended."""
        return [attempt["cause"] for attempt in self.shown(key)["attempts"]]

    def count_ends(self) -> None:
        """Have the store note each end of a run from now on."""
        is_rows = self.kind == "rows"
        with self._database() as database:
            for statement in (SEEN, *((END_FUNCTION, END_TRIGGER) if is_rows else (SQLITE_TRIGGER,))):
                database.execute(statement.encode() if is_rows else statement)
            database.commit()

    def ends_seen(self) -> list[str]:
        """The runs that ended since then, in order."""
        with self._database() as database:
            return [run_id for (run_id,) in database.execute("SELECT run_id FROM ends_seen").fetchall()]

    def _database(self) -> Any:
        """A connection to the store, which is closed with its block."""
        if self.kind == "rows":
            return psycopg.connect(os.environ["ROWS_DB"])
        return closing(sqlite3.connect(self.folder / "themis.sqlite3"))

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


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 16])
@pytest.mark.parametrize("deed", CAUSES)
def test_a_case_that_kills_its_process_ends_as_worker_lost_and_the_job_is_done(
    lab: Lab, deed: str, tasks: int, short: bool
) -> None:
    if short and (deed, tasks) not in SHORT_FORM:
        pytest.skip("the short form tries two ways to die")
    key = lab.submit(among(deed, 60, 30), max_concurrent_tasks=tasks)
    lab.drain("--isolation", "supervisor")
    shown = lab.shown(key)
    assert [attempt["cause"] for attempt in shown["attempts"]] == [CAUSES[deed]] * 3 + ["done"]
    assert (shown["state"], shown["failures"], shown["lost"]) == ("done", 0, 0)
    assert shown["case_losses"]["ended"] == [30]
    assert shown["attempts"][2]["in_flight"] == [30], "it ran alone"
    assert lab.failures() == {"c30": "worker_lost"}
    calls = lab.calls()
    assert calls.pop("c30") == 3
    assert max(calls.values()) <= 3


@pytest.mark.slow
def test_a_case_that_kills_its_worker_ends_as_worker_lost(lab: Lab) -> None:
    """By `themis worker run`, where the process of the job is the worker itself."""
    key = lab.submit(among("kill itself", 40, 0, 39), max_concurrent_tasks=16)
    codes = []
    while lab.shown(key)["state"] != "done":
        command = [sys.executable, "-m", "themis", "worker", "run", "--queue-root", lab.place]
        codes.append(subprocess.run(command, cwd=lab.folder, capture_output=True, check=False, timeout=60).returncode)
        assert len(codes) <= 7
    assert codes == [-9] * 6 + [0]
    shown = lab.shown(key)
    assert [attempt["cause"] for attempt in shown["attempts"]] == ["worker lost"] * 6 + ["done"]
    assert lab.failures() == {"c0": "worker_lost", "c39": "worker_lost"}


@pytest.mark.slow
def test_each_of_several_such_cases_ends_alone_and_none_of_the_others(lab: Lab) -> None:
    deeds = among("well", 200)
    deeds[20] = deeds[24] = "segfault"
    deeds[150] = "exit 3"
    key = lab.submit(deeds, max_concurrent_tasks=16)
    lab.drain()
    shown = lab.shown(key)
    assert shown["state"] == "done"
    assert len(shown["attempts"]) <= 3 * 3 + 1
    assert lab.failures() == dict.fromkeys(("c20", "c24", "c150"), "worker_lost")


@pytest.mark.slow
def test_a_retry_tries_a_lost_case_again_and_nothing_else(lab: Lab) -> None:
    key = lab.submit(among("kill itself until mended", 30, 7), max_failed_share=0.01)
    lab.drain()
    assert lab.shown(key)["cause"] == "failed cases"
    assert lab.failures() == {"c7": "worker_lost"}
    before = lab.calls()
    (lab.folder / "mended").touch()
    lab.themis("queue", "retry", key, "--queue-root", lab.place)
    lab.drain()
    assert (lab.shown(key)["state"], lab.shown(key)["case_losses"], lab.failures()) == ("done", None, {})
    assert lab.calls() - before == Counter({"c7": 1})


@pytest.mark.slow
def test_a_job_whose_every_case_kills_its_process_ends_and_is_not_tried_for_ever(lab: Lab) -> None:
    key = lab.submit(["kill its parent"] * 40, max_concurrent_tasks=4)
    lab.drain("--isolation", "supervisor")
    shown = lab.shown(key)
    assert (shown["state"], len(shown["case_losses"]["ended"])) == ("failed", MOST_LOST_CASES)
    assert len(shown["attempts"]) <= 3 * MOST_LOST_CASES + 3


@pytest.mark.slow
def test_a_job_that_is_given_back_again_and_again_suspects_no_case(lab: Lab) -> None:
    key = lab.submit(["well", "hang"], max_concurrent_tasks=2)
    for _ in range(4):
        (lab.folder / "hanging").unlink(missing_ok=True)
        command = [sys.executable, "-m", "themis", "worker", "start", "--queue-root", lab.place, "--grace", "0"]
        with subprocess.Popen(command, cwd=lab.folder, stderr=subprocess.PIPE) as daemon:
            text_of(lab.folder / "hanging", 60)
            daemon.terminate()
            daemon.communicate(timeout=60)
    shown = lab.shown(key)
    assert {attempt["cause"] for attempt in shown["attempts"]} == {"given back"}
    assert (shown["state"], shown["case_losses"], shown["failures"], shown["lost"]) == ("queued", None, 0, 0)


@pytest.mark.slow
def test_one_case_among_ten_thousand_ends_alone_after_three_deaths(lab: Lab, short: bool) -> None:
    count = 1_000 if short else 10_000
    key = lab.submit(among("kill itself", count, count // 2), max_concurrent_tasks=32)
    lab.drain()
    shown = lab.shown(key)
    assert [attempt["cause"] for attempt in shown["attempts"]] == ["signal"] * 3 + ["done"]
    status = lab.themis("status", lab.run_id, "--queue-root", lab.place)
    assert (status["completed_cases"], status["failed_cases"]) == (count - 1, 1)
    assert lab.failures() == {f"c{count // 2}": "worker_lost"}
    calls = lab.calls()
    assert calls.pop(f"c{count // 2}") == 3
    assert len([case for case, times in calls.items() if times > 1]) < 1_000


@pytest.mark.slow
def test_one_case_among_ten_thousand_in_shards_ends_alone_and_its_run_ends_once(lab: Lab, short: bool) -> None:
    count, shards = (400, 4) if short else (10_000, 8)
    bad = count // 2 + 3
    lab.submit(among("kill itself", count, bad), shards=shards, max_concurrent_tasks=32)
    lab.count_ends()
    lab.drain("--slots", "2")
    status = lab.themis("status", lab.run_id, "--queue-root", lab.place)
    assert (status["state"], status["completed_cases"], status["failed_cases"]) == ("partial_failure", count - 1, 1)
    assert lab.failures() == {f"c{bad}": "worker_lost"}
    causes = {shard["key"]: lab.causes(shard["key"]) for shard in status["shards"]}
    struck = status["shards"][bad * shards // count]["key"]
    assert causes.pop(struck) == ["signal"] * 3 + ["done"]
    assert list(causes.values()) == [["done"]] * (shards - 1)
    assert lab.shown(struck)["case_losses"]["ended"] == [bad]
    assert lab.ends_seen() == [lab.run_id]
    calls = lab.calls()
    assert calls.pop(f"c{bad}") == 3
    assert len(calls) == count - 1
    assert len([case for case, times in calls.items() if times > 1]) < 1_000
