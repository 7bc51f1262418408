"""How near the engine comes to a bare loop, and to what a model's latency allows, as ratios measured in one run.

    python tests/benchmarks/bench_engine.py [--short]

Every measurement is a process of its own, after its imports. The yardstick is an asyncio loop that writes two JSON rows
a case to a SQLite database in WAL mode, in batches: it is run in turns with the engine, because the speed of a shared
machine changes from second to second, and the ratio is of the two medians.
"""

import argparse
import asyncio
import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import exit_code, judged
from themis.core.config import DatasetFile, EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.contexts import GenerateContext
from themis.core.experiment import Experiment
from themis.core.models import Case, GenerationResult

YARDSTICK_BATCH_ROWS = 2_000


class SleepingGenerator:
    """A model that takes a fixed time and nothing else."""

    component_id = "bench/sleeping_generator"
    version = "1"

    def __init__(self, seconds: float) -> None:
        """Take so many seconds for each candidate."""
        self._seconds = seconds

    def fingerprint(self) -> str:
        """Differs with the time it takes."""
        return f"sleep {self._seconds}"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The expected answer, after a while."""
        await asyncio.sleep(self._seconds)
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=case.expected_output)


def write_cases(path: Path, count: int) -> None:
    """A JSONL file of so many small cases, each with its own text."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            case = {
                "case_id": f"case-{number:07d}",
                "input": {"question": f"What is {number} + {number + 1}?"},
                "expected_output": {"answer": str(2 * number + 1)},
            }
            file.write(json.dumps(case) + "\n")


def instant(folder: Path, count: int) -> dict[str, float]:
    """Cases a second with components that take no time, from configuration to the end that is synced to disk."""
    experiment = Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/json_identity"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        datasets=[DatasetFile(dataset_id="numbers", path=str(folder / "cases.jsonl"))],
    )
    started = time.perf_counter()
    result = experiment.run()
    seconds = time.perf_counter() - started
    if result.progress.completed_cases != count:
        raise SystemExit(f"{result.progress} of {count} cases")  # noqa: TRY003, EM102
    disk = sum(file.stat().st_size for file in folder.glob("themis.sqlite3*"))
    return {"per_second": count / seconds, "memory_mb": _peak_mb(), "bytes_a_case": disk / count}


def latency(folder: Path, count: int, seconds_a_case: float, concurrency: int) -> dict[str, float]:
    """Cases a second with a model that takes a fixed time, once the datasets are read."""
    experiment = Experiment(
        generation=GenerationConfig(generator=SleepingGenerator(seconds_a_case)),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/json_identity"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        runtime=RuntimeConfig(max_concurrent_tasks=concurrency),
        datasets=[DatasetFile(dataset_id="numbers", path=str(folder / "cases.jsonl"))],
    )
    experiment.compile()
    started = time.perf_counter()
    experiment.run()
    return {"per_second": count / (time.perf_counter() - started), "memory_mb": _peak_mb()}


def bare_latency(folder: Path, count: int, seconds_a_case: float, concurrency: int) -> dict[str, float]:
    """The same in a loop that does nothing but wait: what the event loop itself allows."""
    del folder
    left = iter(range(count))

    async def wait() -> None:
        for _ in left:
            await asyncio.sleep(seconds_a_case)

    async def loop() -> None:
        await asyncio.gather(*(wait() for _ in range(concurrency)))

    started = time.perf_counter()
    asyncio.run(loop())
    return {"per_second": count / (time.perf_counter() - started)}


def yardstick(folder: Path, count: int) -> dict[str, float]:
    """The same number of cases in a loop that does nothing but make and write two rows each."""

    async def answer(number: int) -> dict[str, str]:
        return {"answer": str(2 * number + 1)}

    async def loop() -> None:
        rows: list[tuple[int, int, str]] = []
        for number in range(count):
            result = await answer(number)
            rows.append((number, 1, json.dumps(result)))
            rows.append((number, 2, json.dumps({"metric": "exact_match", "value": 1.0})))
            if len(rows) >= YARDSTICK_BATCH_ROWS:
                write(rows)
                rows.clear()
        write(rows)

    def write(rows: list[tuple[int, int, str]]) -> None:
        database.execute("BEGIN")
        database.executemany("INSERT INTO results VALUES (?, ?, ?)", rows)
        database.execute("COMMIT")

    database = sqlite3.connect(folder / "yardstick.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE results (case_no INTEGER, stage INTEGER, body TEXT, PRIMARY KEY (case_no, stage))")
    started = time.perf_counter()
    asyncio.run(loop())
    seconds = time.perf_counter() - started
    database.close()
    return {"per_second": count / seconds, "memory_mb": _peak_mb()}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


MEASUREMENTS = {"instant": instant, "latency": latency, "bare_latency": bare_latency, "yardstick": yardstick}


def measure(name: str, count: int, *arguments: float) -> dict[str, float]:
    """One measurement in a process of its own, on fresh files."""
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as folder:
        write_cases(Path(folder) / "cases.jsonl", count)
        command = [sys.executable, __file__, "--child", name, folder, str(count), *map(str, arguments)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def median(runs: list[dict[str, float]], key: str) -> float:
    """The median of one figure over several runs."""
    return statistics.median(run[key] for run in runs)


def main(*, short: bool = False) -> int:
    """Measure, and print a line for each figure with what it is held against; 1 when one misses it."""
    count, rounds = (20_000, 2) if short else (100_000, 5)
    engine, bare = [], []
    for _ in range(rounds):
        bare.append(measure("yardstick", count))
        engine.append(measure("instant", count))
    rate, bare_rate = median(engine, "per_second"), median(bare, "per_second")
    report(f"instant cases a second at {count:,}", f"{rate:,.0f}", "10,000", met=rate >= 10_000)
    times = bare_rate / rate
    report(
        "  the yardstick's rate is so many times that", f"{times:.2f} ({bare_rate:,.0f})", "7 at most", met=times <= 7
    )
    memory_mb, disk = median(engine, "memory_mb"), median(engine, "bytes_a_case")
    report("  peak memory", f"{memory_mb:.0f} MB", "150 MB", met=memory_mb <= 150)
    report("  disk a case", f"{disk:.0f} bytes", "1,024 bytes", met=disk <= 1_024)
    few, many = (5_000, 40_000) if short else (10_000, 1_000_000)
    small = [measure("instant", few) for _ in range(rounds)]
    large = [measure("instant", many) for _ in range(1)]
    ratio, memory_mb = median(large, "per_second") / median(small, "per_second"), median(large, "memory_mb")
    is_even = 0.85 <= ratio <= 1.15
    report(f"rate at {many:,} over rate at {few:,}", f"{ratio:.2f}", "0.85 to 1.15", met=is_even)
    report(f"  peak memory at {many:,}", f"{memory_mb:.0f} MB", "200 MB", met=memory_mb <= 200)
    for seconds, concurrency, share in ((0.05, 100, 0.97), (0.2, 1_000, 0.95)):
        total = concurrency * (40 if short else 200)
        ideal = concurrency / seconds
        runs = [measure("latency", total, seconds, concurrency) for _ in range(1 if short else 3)]
        bare = [measure("bare_latency", total, seconds, concurrency) for _ in range(1 if short else 3)]
        reached, bare_reached = median(runs, "per_second") / ideal, median(bare, "per_second") / ideal
        name = f"{seconds * 1000:.0f} ms at {concurrency:,}: share of {ideal:,.0f} a second"
        report(name, f"{reached:.3f} (bare loop {bare_reached:.3f})", f"{share}", met=reached >= share)
    return exit_code(short=short)


def report(what: str, found: str, target: str, *, met: bool) -> None:
    """A line of the table."""
    print(f"{what:58} {found:>26}   target {judged(what, found, target, met=met)}", flush=True)


def _child(arguments: list[str]) -> None:
    name, folder, count, *rest = arguments
    function: Any = MEASUREMENTS[name]
    more = [float(rest[0]), int(float(rest[1]))] if rest else []
    print(json.dumps(function(Path(folder), int(count), *more)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute instead of ten")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        _child(chosen.child)
    else:
        sys.exit(main(short=chosen.short))
