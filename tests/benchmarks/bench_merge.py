"""What it takes to merge stores in files: cases a second of the processor, and peak memory, as whole processes.

    python tests/benchmarks/bench_merge.py [--short] [--cases 1000000]

Two stores have every other case of one run, so that rows of the second go between those of the first. They are merged
into a new file, and then once more, which changes nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.benchmarks.figures import exit_code, judged
from tests.support.merged_stores import ended, generated, scored, snapshot
from themis.core.stores.sqlite import sqlite_store

CASES = 1_000_000
LEAST_A_SECOND = 100_000
MOST_MB = 150
PARTS = 2
THEMIS = "import sys; from themis.cli.main import main; sys.exit(main())"
_BLOCK = 5_000


def fill(path: Path, first: int, cases: int) -> None:
    """Make a store with every other case of the run, from `first` on: two outcomes and an end each."""
    run = snapshot(3)
    with closing(sqlite_store(path)) as store:
        store.create_run(run)
        for start in range(0, cases, _BLOCK * PARTS):
            numbers = range(start + first, min(start + _BLOCK * PARTS, cases), PARTS)
            outcomes = [outcome for no in numbers for outcome in (generated(no), scored(no))]
            store.append(run.run_id, outcomes, [ended(no) for no in numbers])


def merged(files: list[Path], into: Path) -> tuple[float, float, int]:
    """Merge them in a process of its own; return its seconds, those of the processor, and its most memory in MB."""
    words = ["store", "merge", *map(str, files), "--into", str(into), "--json"]
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", THEMIS, *words], stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    parser.add_argument("--cases", type=int, default=CASES)
    given = parser.parse_args()
    cases = 2_000 if given.short else given.cases
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as name:
        files = [Path(name) / f"part{number}.sqlite3" for number in range(PARTS)]
        for number, path in enumerate(files):
            fill(path, number, cases)
        for what in ("merged", "merged again"):
            seconds, cpu, memory = merged(files, Path(name) / "all.sqlite3")
            rate = f"{cases / cpu:,.0f} a second of CPU"
            least = judged(what, rate, f"at least {LEAST_A_SECOND:,}", met=cases / cpu >= LEAST_A_SECOND)
            most = judged(f"memory, {what}", f"{memory} MB", f"at most {MOST_MB}", met=memory <= MOST_MB)
            speed = f"{rate} ({least})"
            print(f"{what:12} {cases:,} cases in {seconds:.1f} s, {speed}, {memory} MB ({most})", flush=True)
    return exit_code(short=given.short)


if __name__ == "__main__":
    sys.exit(main())
