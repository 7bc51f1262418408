"""What very many ended jobs cost: time and peak memory of each command, as whole processes.

    python tests/benchmarks/bench_growth.py [--short] [--jobs 1000000]

The queue is filled as submitting and running the jobs one by one would leave it: a file, a lock, a journal and a log
each, a row for the job, its attempt and its run. The limits are on memory: no command may take more than 200 MB.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from themis.core.queue.folder.root import QueueRoot, make_root
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import JobRow, job_key
from themis.core.stores.sql import run_statements as sql
from themis.core.stores.sqlite import SqliteRunStore

MOST_MB = 200
THEMIS = "import sys; from themis.cli.main import main; sys.exit(main())"
LOGGED = 10
"""One job in so many has a log: each takes a folder, a file and a block of the disk."""

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("queue", "list"),
    ("queue", "list", "--all", "--json"),
    ("status",),
    ("status", "--all"),
    ("status", "--all", "--json"),
    ("queue", "watch", "--once"),
    ("worker", "run"),
    ("queue", "doctor"),
    ("queue", "prune", "--older-than", "0s"),
    ("queue", "prune", "--older-than", "0s", "--json"),
    ("queue", "retry", "--all-failed"),
    ("queue", "cancel", "--all", "--yes"),
    ("queue", "prune", "--older-than", "0s", "--yes"),
)
"""In this order: the last one leaves nothing."""

_BLOCK = 10_000
_SECOND_NS = 1_000_000_000


def fill(folder: Path, jobs: int) -> None:
    """A queue and a store with so many jobs that ended, one in a hundred of them failed."""
    root = make_root(folder / "runs" / "queue")
    store = SqliteRunStore(folder / "runs" / "themis.sqlite3")
    store.initialize()
    address = StoreAddress(kind="sqlite", path=str(store.path), id=store.jobs.store_id)
    StoreRegistry(root, lambda _: store.jobs).register(address)
    manifest = '{"format": 1}'
    found = list(rows(root, address.id, min(jobs, _BLOCK)))
    for first in range(0, jobs, _BLOCK):
        found = list(rows(root, address.id, min(jobs - first, _BLOCK), first))
        with store.transaction() as connection:
            for row in found:
                moment_ms = row.submitted_ns // 1_000_000
                connection.execute(sql.INSERT_RUN, (row.run_id, "completed", 1, "", moment_ms))
                store.jobs.add(row, manifest)
        for number, row in enumerate(found):
            make_files(root, row, logged=number % LOGGED == 0)
    store.close()


def rows(root: QueueRoot, store_id: str, count: int, first: int = 0) -> Iterator[JobRow]:
    """Jobs that ended one second after each other, until now."""
    now_ns = time.time_ns()
    for number in range(first, first + count):
        run_id = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" + f"{number:048x}"
        at_ns = now_ns - (10_000_000 - number) * _SECOND_NS
        yield JobRow(
            key=job_key(run_id, store_id),
            run_id=run_id,
            queue_id=root.queue_id,
            queue_root=str(root.path),
            version=3,
            state="failed" if number % 100 == 0 else "done",
            attempt=1,
            priority=5,
            submitted_ns=at_ns,
            ready_ns=None,
            max_attempts=3,
            max_worker_lost=3,
            timeout_s=None,
            memory_limit_mb=None,
            started_ns=at_ns,
            ended_ns=at_ns,
            updated_ns=at_ns,
        )


def make_files(root: QueueRoot, row: JobRow, *, logged: bool) -> None:
    """The files that a job which ended leaves."""
    journal = f'{{"move":"settle","state":"{row.state}","attempt":1,"version":3}}\n'
    _write(f"{root.folder(row.state)}/{row.key}.json", b'{"format": 1}\n')
    _write(f"{root.folder(layout.LOCKS)}/{row.key}.lock", b"")
    _write(f"{root.folder(layout.JOURNAL)}/{row.key}.jsonl", journal.encode())
    if logged:
        path = layout.log_path(root.path, row.key, 1)
        path.parent.mkdir()
        _write(str(path), b"hello\n")


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def measure(folder: Path, arguments: tuple[str, ...]) -> tuple[float, float, int]:
    """Seconds, peak memory in MB, and exit code of a command, whose output goes nowhere."""
    script = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)\n"
    )
    command = [sys.executable, "-c", script, sys.executable, "-c", THEMIS, *arguments]
    began = time.perf_counter()
    said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()
    return time.perf_counter() - began, int(said[0]) / 1_024, int(said[1])


def main() -> int:
    """Print the table; 1 when a command fails, takes more memory than it may, or leaves what it was to remove."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="few jobs: does it run at all")
    parser.add_argument("--jobs", type=int, help="how many jobs have ended")
    options = parser.parse_args()
    jobs = options.jobs or (2_000 if options.short else 100_000)
    folder = Path(tempfile.mkdtemp(prefix="bench-growth-"))
    print(f"{jobs:,} ended jobs\n\n| command | s | peak MB (at most {MOST_MB}) | exit |\n|---|---|---|---|")
    wrong = []
    try:
        fill(folder, jobs)
        for arguments in COMMANDS:
            seconds, megabytes, code = measure(folder, arguments)
            command = " ".join(arguments)
            wrong += [command] if code or megabytes > MOST_MB else []
            print(f"| {command} | {seconds:.1f} | {megabytes:.0f} | {code} |", flush=True)
        left = sum(1 for _ in (folder / "runs" / "queue" / layout.LOCKS).iterdir())
        wrong += ["lock files left"] if left else []
        print(f"\nlock files left: {left}")
    finally:
        shutil.rmtree(folder)
    if wrong:
        print(f"\nwrong: {', '.join(wrong)}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
