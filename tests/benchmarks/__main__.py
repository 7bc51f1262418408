"""Every benchmark, one after the other: `python -m tests.benchmarks [--short]`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.figures import FIGURES, noted

BENCHMARKS = (
    "bench_compare.py",
    "bench_datasets.py",
    "bench_engine.py",
    "bench_growth.py",
    "bench_merge.py",
    "bench_models.py",
    "bench_postgres.py",
    "bench_queue.py",
    "bench_bulk_submit.py",
    "bench_replay.py",
    "bench_resume.py",
    "bench_row_queue.py",
    "bench_shards.py",
    "bench_startup.py",
    "bench_worker.py",
)


def main() -> int:
    """Run each as a process of its own, so that none measures what another left behind; the first failure's code."""
    codes, table = [], []
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as folder:
        for script in BENCHMARKS:
            name = script.removeprefix("bench_").removesuffix(".py")
            print(f"\n## {name}\n", flush=True)
            notes = Path(folder) / name
            command = [sys.executable, str(Path(__file__).with_name(script)), *sys.argv[1:]]
            codes.append(subprocess.run(command, check=False, env={**os.environ, FIGURES: str(notes)}).returncode)
            table += [(name, *figure) for figure in noted(notes)]
    print("\n## All figures\n\n| benchmark | what | found | target |\n|---|---|---|---|")
    for row in table:
        print(f"| {' | '.join(row)} |")
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
