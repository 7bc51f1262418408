"""How long it takes to compare two stored runs, as a whole process, and to resample the scores of one.

    python tests/benchmarks/bench_compare.py [--short]

The yardstick of a comparison is a bare Python that imports numpy and reads the same from the database. Both are
run in turns, because a shared machine's speed changes from second to second; figures are medians.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.bench_engine import write_cases
from tests.benchmarks.figures import exit_code, judged
from themis.core.comparison.resampling import bootstrap_interval
from themis.core.config import DatasetFile, EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.contexts import GenerateContext, ScoreContext
from themis.core.experiment import Experiment
from themis.core.models import Case, GenerationResult, ParsedOutput, Score

CASES = 100_000
MOST_S = 2.0
RESAMPLED_CASES, RESAMPLES = 10_000, 1_000
MOST_MS = 100.0
DATABASE = "themis.sqlite3"
THEMIS = "import sys; from themis.cli.main import main; sys.exit(main())"
BARE = """
import sqlite3, sys
import numpy
store = sqlite3.connect(sys.argv[1])
for run_no in (1, 2):
    store.execute("SELECT case_no, case_id FROM cases WHERE run_no = ? ORDER BY case_no", (run_no,)).fetchall()
    store.execute("SELECT case_no, value FROM outcomes WHERE run_no = ? AND stage = 5", (run_no,)).fetchall()
"""
"""The least: importing numpy, and reading the scores of both runs."""


class ErringGenerator:
    """Answers wrongly to a share of the cases, which its seed draws."""

    component_id = "bench/erring_generator"
    version = "1"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def fingerprint(self) -> str:
        """Another one for each seed."""
        return str(self._seed)

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The expected output, or a text that is not it."""
        drawn = random.Random(f"{case.case_id} {self._seed}").random()
        is_right = drawn < 0.7 + self._seed / 100
        answer: Any = case.expected_output if is_right else {"answer": f"{drawn:.6f}"}
        return GenerationResult(candidate_id=case.case_id, final_output=answer)


class ClosenessMetric:
    """A number between 0 and 1 for each answer, nearly always another one."""

    component_id = "bench/closeness"
    version = "1"

    def fingerprint(self) -> str:
        """Always the same."""
        return "1"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        """1 for the expected answer, else less."""
        if parsed.value == case.expected_output or not isinstance(parsed.value, dict):
            return Score(metric_id=self.component_id, value=1.0)
        return Score(metric_id=self.component_id, value=float(str(parsed.value["answer"])))


class Took(NamedTuple):
    """Time of a process: seconds on the clock, and those of the processor in its own code and the system's."""

    wall_s: float
    cpu_s: float


def stored(folder: Path, count: int) -> list[str]:
    """Run two experiments on the same cases; returns the ids of their runs."""
    write_cases(folder / "cases.jsonl", count)
    return [
        Experiment(
            generation=GenerationConfig(generator=ErringGenerator(seed)),
            evaluation=EvaluationConfig(
                metrics=["builtin/exact_match", ClosenessMetric()], parsers=["builtin/json_identity"]
            ),
            storage=StorageConfig(store="sqlite", parameters={"path": str(folder / DATABASE)}),
            datasets=[DatasetFile(dataset_id="numbers", path=str(folder / "cases.jsonl"))],
        )
        .run()
        .run_id
        for seed in (1, 2)
    ]


def took(folder: Path, *words: str) -> Took:
    """Run Python with these arguments, and return how long that took; its output goes to a file in the folder."""
    began = time.perf_counter()
    with (folder / "out").open("wb") as out:
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        process = os.posix_spawn(sys.executable, [sys.executable, *words], os.environ, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{words} ended with {status}")  # noqa: TRY003, EM102
    return Took(time.perf_counter() - began, usage.ru_utime + usage.ru_stime)


def compared(folder: Path, count: int, rounds: int) -> None:
    """Print what a comparison takes beside its yardstick."""
    ids = stored(folder, count)
    database = str(folder / DATABASE)
    programs = {"bare": ("-c", BARE, database), "compare": ("-c", THEMIS, "compare", *ids, "--store", database)}
    times: dict[str, list[Took]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, program in programs.items():
            one = took(folder, *program)
            if turn:  # the first one fills the disk cache
                times[name].append(one)
    found = {name: Took(*map(statistics.median, zip(*of_all, strict=True))) for name, of_all in times.items()}
    whole, bare = found["compare"], found["bare"]
    target = judged(
        f"compare {count:,} cases", f"{whole.wall_s:.2f} s", f"at most {MOST_S:g} s", met=whole.wall_s <= MOST_S
    )
    print(f"themis compare: two runs of {count:,} cases, two metrics, in {whole.wall_s:.2f} s ({target})")
    print(f"  {whole.cpu_s:.2f} s of CPU, {whole.cpu_s / bare.cpu_s:.2f} times those of reading alone", flush=True)


def resampled(count: int, resamples: int, rounds: int) -> None:
    """Print what the bootstrap interval of a mean takes, of scores that all differ and of scores of 0 and 1."""
    scores = np.random.default_rng(1).random(count)
    for what, values in (("all different", scores), ("0 and 1", (scores < 0.7).astype(np.float64))):
        times = []
        for turn in range(rounds + 1):
            began, began_cpu = time.perf_counter(), time.process_time()
            bootstrap_interval(values, resamples=resamples, seed=turn)
            times.append(Took(time.perf_counter() - began, time.process_time() - began_cpu))
        wall_ms, cpu_ms = (1_000 * statistics.median(of_all) for of_all in zip(*times[1:], strict=True))
        target = judged(f"bootstrap, {what}", f"{wall_ms:.1f} ms", f"at most {MOST_MS:g} ms", met=wall_ms <= MOST_MS)
        print(f"bootstrap: {count:,} scores, {what}, {resamples:,} resamples, in {wall_ms:.1f} ms ({target})")
        print(f"  {cpu_ms:.1f} ms of CPU", flush=True)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    short = parser.parse_args().short
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as folder:
        compared(Path(folder), *((500, 1) if short else (CASES, 5)))
    resampled(*((1_000, 100, 1) if short else (RESAMPLED_CASES, RESAMPLES, 20)))
    return exit_code(short=short)


if __name__ == "__main__":
    sys.exit(main())
