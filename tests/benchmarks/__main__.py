"""Every benchmark, one after the other: `python -m tests.benchmarks [--short]`."""

import subprocess
import sys
from pathlib import Path

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
    "bench_row_queue.py",
    "bench_shards.py",
    "bench_startup.py",
    "bench_worker.py",
)


def main() -> int:
    """Run each as a process of its own, so that none measures what another left behind; the first failure's code."""
    codes = []
    for name in BENCHMARKS:
        print(f"\n## {name.removeprefix('bench_').removesuffix('.py')}\n", flush=True)
        script = Path(__file__).with_name(name)
        codes.append(subprocess.run([sys.executable, str(script), *sys.argv[1:]], check=False).returncode)
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
