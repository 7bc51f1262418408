"""A backup that was made while a worker ran, by the documentation's own recipe, restored elsewhere."""

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command_here import done_here
from tests.support.deployment import SCRIPTS, TOP, run, tool
from tests.support.model_module import model_module

CASES = 15
MODEL = model_module("""
    await asyncio.sleep(0.02)
    with (HERE / "generated.txt").open("a") as file:
        file.write(f"{ctx.run_id} {case.case_id}\\n")
    return GenerationResult(candidate_id=case.case_id, final_output=case.input)
""")


def recipe(number: int) -> list[str]:
    """The commands of a shell block of the section on backups: 0 to make one, 1 to restore it."""
    page = (TOP / "docs/guides/back-up-and-move.md").read_text("utf-8")
    section = page.partition("\n## Back up\n")[2].partition("\n## ")[0]
    blocks: list[str] = re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return blocks[number].splitlines()


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run("bash", "-c", command, cwd=folder, PATH=f"{SCRIPTS}:/usr/local/bin:/usr/bin:/bin")


class Themis:
    """The `themis` command, done in this process: the worker that a backup is made of has processes of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, folder: Path, *words: str) -> Any:
        """The JSON value that a command prints."""
        done = done_here(folder, list(words), self._capsys)
        assert done.code == 0, done.err
        return json.loads(done.out)

    def submit(self, folder: Path, *numbers: int) -> None:
        for number in numbers:
            cases = [{"case_id": f"c{case}", "input": "x", "expected_output": "x"} for case in range(CASES)]
            document = {
                "generation": {"generator": "slow_model:Model"},
                "evaluation": {"metrics": ["builtin/exact_match"]},
                "storage": {"store": "sqlite"},
                "datasets": [{"dataset_id": f"d{number}", "cases": cases}],
                "runtime": {"max_concurrent_tasks": 1},
            }
            (folder / "experiment.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
            self(folder, "submit", "--config", "experiment.yaml", "--mode", "worker-pool")

    def work_until_idle(self, folder: Path) -> None:
        while self(folder, "worker", "run", "--quiet") != {"status": "idle"}:
            pass

    def states(self, folder: Path) -> Counter[str]:
        return Counter(job["state"] for job in self(folder, "queue", "list", "--all", "--json")["jobs"])

    def has_done_everything(self, folder: Path, jobs: int) -> None:
        """Each job has ended once: one file, one result for each case."""
        assert self.states(folder) == {"done": jobs}
        queue = folder / "runs/queue"
        assert len(list((queue / "done").iterdir())) == jobs
        for name in ("queued", "waiting", "claimed", "failed", "cancelled", "rejected"):
            assert list((queue / name).iterdir()) == [], name
        with closing(sqlite3.connect(folder / "runs/themis.sqlite3")) as database:
            statuses = database.execute("SELECT status, total_cases FROM runs").fetchall()
            scores = database.execute("SELECT count(*) FROM outcomes WHERE stage = 5 AND value = 1.0").fetchone()
        assert statuses == [("completed", CASES)] * jobs
        assert scores == (jobs * CASES,)


@pytest.fixture
def themis(capsys: pytest.CaptureFixture[str]) -> Themis:
    return Themis(capsys)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder in which experiments can be submitted."""
    tool("sqlite3", "Debian's sqlite3")
    folder = tmp_path / "evals"
    folder.mkdir()
    (folder / "slow_model.py").write_text(MODEL, encoding="utf-8")
    return folder


def generated(folder: Path) -> Counter[tuple[str, str]]:
    """How often each case was generated, by run and case."""
    file = folder / "generated.txt"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return Counter((words[0], words[1]) for words in map(str.split, lines))


def committed(store: Path) -> set[tuple[str, str]]:
    """The cases whose generation is in a store."""
    query = """
        SELECT r.run_id, c.case_id FROM outcomes o JOIN runs r USING (run_no) JOIN cases c USING (run_no, case_no)
        WHERE o.stage = 1
    """
    with closing(sqlite3.connect(store)) as database:
        return set(database.execute(query))


def restore(place: Path, elsewhere: Path) -> None:
    """Lose the original, and put its backup into another folder, to which the old path leads."""
    lost = place.with_name("lost")
    place.rename(lost)
    elsewhere.mkdir()
    place.symlink_to(elsewhere)
    (elsewhere / "slow_model.py").write_text(MODEL, encoding="utf-8")
    (lost / "backup").rename(elsewhere / "backup")
    for command in recipe(1):
        done = shell(command, elsewhere)
        assert done.returncode == 0, done.stderr


ONE_AFTER_ANOTHER = (
    "import subprocess, sys\nwhile True: subprocess.run([sys.executable, '-m', 'themis', 'worker', 'run'])"
)
WORKERS = {"worker run": ["-c", ONE_AFTER_ANOTHER], "worker start": ["-m", "themis", "worker", "start"]}


@contextmanager
def killed_at_the_end(folder: Path, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that runs experiments while the block lasts; nothing of it lives afterwards."""
    process = subprocess.Popen(
        [sys.executable, *words], cwd=folder, process_group=0, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        run("kill", "-KILL", "--", f"-{process.pid}")
        process.wait()
        before = None
        while before != (before := generated(folder).total()):
            time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["worker run", "worker start"])
def test_a_backup_made_while_a_worker_runs_finishes_everything_once(
    themis: Themis, place: Path, tmp_path: Path, kind: str
) -> None:
    jobs = 5
    themis.submit(place, *range(jobs))
    *folders, store = recipe(0)
    with killed_at_the_end(place, WORKERS[kind]) as worker:
        while len(generated(place)) < 2 * CASES:
            assert worker.poll() is None
            time.sleep(0.02)
        for command in folders:
            shell(command, place)
        copied = shell(store, place)
    assert copied.returncode == 0, copied.stderr

    elsewhere = tmp_path / "elsewhere"
    restore(place, elsewhere)
    known = committed(elsewhere / "runs/themis.sqlite3")
    assert CASES < len(known) < jobs * CASES
    themis.work_until_idle(elsewhere)

    themis.has_done_everything(elsewhere, jobs)
    asked = generated(elsewhere)
    assert not asked.keys() & known
    assert set(asked.values()) == {1}
    assert len(asked) + len(known) == jobs * CASES


@pytest.mark.slow
def test_what_happens_between_the_two_halves_of_a_backup_is_put_right(
    themis: Themis, place: Path, tmp_path: Path
) -> None:
    themis.submit(place, 0, 1, 2)
    themis(place, "worker", "run", "--quiet")
    *folders, store = recipe(0)
    for command in folders:
        assert shell(command, place).returncode == 0
    themis(place, "worker", "run", "--quiet")
    themis.submit(place, 3)
    assert shell(store, place).returncode == 0

    elsewhere = tmp_path / "elsewhere"
    restore(place, elsewhere)
    assert themis.states(elsewhere) == {"done": 2, "queued": 2}
    themis.work_until_idle(elsewhere)
    themis.has_done_everything(elsewhere, 4)


@pytest.mark.slow
def test_the_other_order_would_lose_what_was_submitted_between(themis: Themis, place: Path, tmp_path: Path) -> None:
    themis.submit(place, 0)
    *folders, store = recipe(0)
    for command in (folders[0], store):
        assert shell(command, place).returncode == 0
    themis.submit(place, 1)
    assert shell(folders[1], place).returncode == 0

    elsewhere = tmp_path / "elsewhere"
    restore(place, elsewhere)
    themis.work_until_idle(elsewhere)
    assert themis.states(elsewhere) == {"done": 1}
    assert len([path for path in (elsewhere / "runs/queue/rejected").iterdir() if path.suffix == ".json"]) == 2


@pytest.mark.slow
def test_an_old_copy_of_the_folder_is_enough_beside_the_store(themis: Themis, place: Path) -> None:
    themis.submit(place, 0)
    assert run("cp", "-a", "runs/queue", "old", cwd=place).returncode == 0
    themis.submit(place, 1, 2)
    themis(place, "worker", "run", "--quiet")
    assert run("rm", "-r", "runs/queue", cwd=place).returncode == 0
    assert run("mv", "old", "runs/queue", cwd=place).returncode == 0
    assert shell("themis queue doctor --fix", place).returncode == 0
    assert themis.states(place) == {"done": 1, "queued": 2}
    themis.work_until_idle(place)
    themis.has_done_everything(place, 3)
