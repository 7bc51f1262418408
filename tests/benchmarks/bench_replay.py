"""How long it takes to score again what is stored: a replay, a run with another metric, and judging once more.

    python tests/benchmarks/bench_replay.py [--short]

No way of scoring again may call the generator, and judging again asks the demo judge about every answer. The time is
that of the whole call, from an experiment that is not compiled to the end that is synced to disk, in a process that has
run one before.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.bench_engine import write_cases
from tests.benchmarks.figures import exit_code, judged
from themis.core.config import DatasetFile, EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.contexts import GenerateContext
from themis.core.experiment import Experiment
from themis.core.models import Case, GenerationResult
from themis.core.results import RunResult

CASES = 10_000
MOST_S = 3.0
MOST_JUDGED_S = 10.0


class CountingGenerator:
    """Answers with the expected output, and counts its calls."""

    component_id = "bench/counting_generator"
    version = "1"
    calls = 0

    def fingerprint(self) -> str:
        """Always the same."""
        return "1"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The expected output."""
        type(self).calls += 1
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=case.expected_output)


def experiment(folder: Path, *metrics: str, judges: Sequence[str] = ()) -> Experiment:
    """An experiment on the cases of a folder, with these metrics and judges."""
    return Experiment(
        generation=GenerationConfig(generator=CountingGenerator()),
        evaluation=EvaluationConfig(
            metrics=list(metrics), parsers=["builtin/json_identity"], judge_models=list(judges)
        ),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        datasets=[DatasetFile(dataset_id="numbers", path=str(folder / "cases.jsonl"))],
    )


def judged_experiment(folder: Path) -> Experiment:
    """The same, judged by the demo judge."""
    return experiment(folder, "builtin/llm_rubric", judges=["builtin/demo_judge"])


WAYS: dict[str, Callable[[Path, int], RunResult]] = {
    "replay from score": lambda folder, _: experiment(folder, "builtin/exact_match").replay("score"),
    "replay from parse": lambda folder, _: experiment(folder, "builtin/exact_match").replay("parse"),
    "another metric": lambda folder, no: experiment(folder, *("builtin/exact_match", "builtin/f1")[no % 2 :]).run(),
    "judging again": lambda folder, _: judged_experiment(folder).rejudge(),
}
MOST_S_OF = dict.fromkeys(WAYS, MOST_S) | {"judging again": MOST_JUDGED_S}


def seconds(folder: Path, count: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds that each way took, in turns, and those of the processor."""
    write_cases(folder / "cases.jsonl", count)
    experiment(folder, "builtin/exact_match").run()
    judged_experiment(folder).run()
    before = CountingGenerator.calls
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way, call in WAYS.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            result = call(folder, number)
            found[way].append((time.perf_counter() - began, time.process_time() - began_cpu))
            if result.progress.completed_cases != count:
                raise SystemExit(f"{way}: {result.progress}")  # noqa: TRY003, EM102
    if CountingGenerator.calls != before:
        raise SystemExit("the generator was called")  # noqa: TRY003, EM101
    return found


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    short = parser.parse_args().short
    count, rounds = (500, 1) if short else (CASES, 2)
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as folder:
        for way, found in seconds(Path(folder), count, rounds).items():
            took, cpu = (statistics.median(of_all) for of_all in zip(*found, strict=True))
            most = MOST_S_OF[way]
            target = judged(f"{way}, {count:,} cases", f"{took:.2f} s", f"at most {most:g} s", met=took <= most)
            print(f"{way:18} {count:,} cases in {took:.2f} s ({target}), {cpu:.2f} s of CPU", flush=True)
    return exit_code(short=short)


if __name__ == "__main__":
    sys.exit(main())
