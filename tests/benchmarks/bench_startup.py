"""How long one waits for a command, as whole processes: beside a bare Python, and with very many jobs waiting.

    python tests/benchmarks/bench_startup.py [--short]

Each of the jobs has a run with outcomes: 10,000,000 in all, of cases that have ended.

Commands and what they are held against are run in turns, because a shared machine's speed changes from second to
second; the figures are medians. Run it in an environment that Themis is installed in, as users do.
"""

import argparse
import hashlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import exit_code, judged
from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.queue.folder.root import QueueRoot, make_root
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import JobRow, job_key
from themis.core.stores.sql import run_statements as sql
from themis.core.stores.sqlite import SqliteRunStore

THEMIS = "import sys; from themis.cli.main import main; sys.exit(main())"
PROGRAMS: dict[str, tuple[str, ...]] = {
    "bare": ("pass",),
    "click": ("import click",),
    "listdir": ("import os; os.listdir('runs/queue/queued')",),
    "import": ("import themis",),
    "help": (THEMIS, "--help"),
    "version": (THEMIS, "--version"),
    "list": (THEMIS, "queue", "list"),
    "status": (THEMIS, "status"),
    "watch": (THEMIS, "queue", "watch", "--once"),
    "workers": (THEMIS, "worker", "list"),
}
"""Each program with its arguments."""
MOST_MS = 300.0
"""What a command that looks at a queue may take in all."""

MOST_BEYOND_MS = 150.0
"""What one may take beyond `themis --version`."""

CASES_EACH = 34
"""Ended cases of each run, with three outcomes each: a hundred."""

ADD_CASES = """
WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < ? - 1)
INSERT INTO cases (run_no, case_no, dataset_no, case_id, digest, failed, through)
SELECT run_no, number, 0, 'case-' || number, randomblob(16), number % 10 = 0, 5 FROM runs CROSS JOIN numbers
WHERE run_no >= ? AND run_no < ? ORDER BY run_no, number
"""
ADD_OUTCOMES = """
WITH stages (stage) AS (VALUES (1), (4), (5))
INSERT INTO outcomes (run_no, case_no, stage, item, ok, finished_ms, value, output, body)
SELECT run_no, case_no, stage, 0, 1, 0, CASE stage WHEN 5 THEN case_no % 2 END,
    CASE WHEN stage < 5 THEN '"an answer"' END, '{"candidate_id":"a"}'
FROM cases CROSS JOIN stages WHERE run_no >= ? AND run_no < ? ORDER BY run_no, case_no, stage
"""
_BLOCK = 10_000


def fill(folder: Path, waiting: int) -> None:
    """A queue and a store with so many submitted runs, as submitting them one by one would leave them."""
    root = make_root(folder / "runs" / "queue")
    store = SqliteRunStore(folder / "runs" / "themis.sqlite3")
    address = StoreAddress(kind="sqlite", path=str(store.path), id=store.jobs.store_id)
    StoreRegistry(root, lambda _: store.jobs).register(address)
    snapshot = demo().compile()
    store.create_run(snapshot)
    with store.transaction() as connection:
        (kept,) = connection.execute(sql.SELECT_SNAPSHOT, (snapshot.run_id,)).fetchone()
        for row in rows(root, address.id, waiting):
            connection.execute(sql.INSERT_RUN, (row.run_id, "pending", 1_000, kept, row.submitted_ns // 1_000_000))
            store.jobs.add(row, "{}")
            place, name = layout.place_of(row, row.submitted_ns)
            (Path(root.folder(place)) / name).write_bytes(b"{}")
    for first in range(0, waiting + 2, _BLOCK):
        with store.transaction() as connection:
            connection.execute(ADD_CASES, (CASES_EACH, first, first + _BLOCK))
            connection.execute(ADD_OUTCOMES, (first, first + _BLOCK))
    store.close()


def demo() -> Experiment:
    """An experiment whose snapshot all of the runs have."""
    return Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/json_identity"]),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="d", cases=[Case(case_id="a", input=1)])],
    )


def rows(root: QueueRoot, store_id: str, count: int) -> Iterator[JobRow]:
    """Jobs that were submitted a microsecond after each other."""
    began_ns = time.time_ns()
    for number in range(count):
        run_id = hashlib.sha256(str(number).encode()).hexdigest()
        yield JobRow(
            key=job_key(run_id, store_id),
            run_id=run_id,
            queue_id=root.queue_id,
            queue_root=str(root.path),
            version=1,
            state="queued",
            attempt=0,
            priority=5,
            submitted_ns=began_ns + number * 1_000,
            ready_ns=None,
            max_attempts=3,
            max_worker_lost=3,
            timeout_s=None,
            memory_limit_mb=None,
        )


def medians_ms(folder: Path, rounds: int) -> dict[str, float]:
    """Median milliseconds of each program as a process of its own, run in turns."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(rounds + 1):
        for name, program in PROGRAMS.items():
            command = [sys.executable, "-c", *program]
            began = time.perf_counter()
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            took_s = time.perf_counter() - began
            if done.returncode:
                raise SystemExit(done.stderr)
            if turn:  # the first one fills the disk cache
                times[name].append(took_s * 1_000)
    return {name: statistics.median(found) for name, found in times.items()}


def main(*, short: bool = False) -> int:
    """Print a line for each figure: what, how many milliseconds, how many times its yardstick, the target.

    Returns 1 when one misses it.
    """
    waiting, rounds = (1_000, 3) if short else (100_000, 15)
    folder = Path(tempfile.mkdtemp(prefix="bench-startup-"))
    try:
        fill(folder, waiting)
        found = medians_ms(folder, rounds)
    finally:
        shutil.rmtree(folder)
    print("| as a whole process | ms | beyond | target |\n|---|---|---|---|")
    bare, click = ("a bare Python", found["bare"]), ("`import click`", found["click"])
    listdir = ("`os.listdir` alone", found["listdir"])
    report("`import themis`", found["import"], bare, most_beyond_ms=30)
    report("`themis --help`", found["help"], click, most_beyond_ms=60)
    at = f"at {waiting:,} waiting"
    report(f"`themis queue list` {at}", found["list"], listdir)
    report(f"`themis status` {at}", found["status"], click)
    report(f"`themis queue watch --once` {at}", found["watch"], listdir)
    report(f"`themis worker list` {at}", found["workers"], click)
    version = ("`themis --version`", found["version"])
    outcomes = f"of {waiting * CASES_EACH * 3:,} outcomes"
    report(f"`themis queue list` {at}, {outcomes}", found["list"], version, most_beyond_ms=MOST_BEYOND_MS)
    report(f"`themis status` {at}, {outcomes}", found["status"], version, most_beyond_ms=MOST_BEYOND_MS)
    return exit_code(short=short)


def report(what: str, found_ms: float, yardstick: tuple[str, float], most_beyond_ms: float | None = None) -> None:
    """A line of the table: what may take so much more than its yardstick, or `MOST_MS` in all."""
    name, yardstick_ms = yardstick
    beyond_ms = found_ms - yardstick_ms
    target = f"{MOST_MS:.0f} ms in all" if most_beyond_ms is None else f"{most_beyond_ms:.0f} ms beyond {name}"
    met = found_ms <= MOST_MS if most_beyond_ms is None else beyond_ms <= most_beyond_ms
    found = f"{found_ms:.0f} ms, {beyond_ms:.0f} beyond {name}"
    more = f"{beyond_ms:.0f} ms more than {name} ({yardstick_ms:.0f}), {found_ms / yardstick_ms:.2f} times"
    print(f"| {what} | {found_ms:.0f} | {more} | {judged(what, found, target, met=met)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="few waiting jobs and rounds: does it run at all")
    sys.exit(main(short=parser.parse_args().short))
