"""What asking a model costs: the engine with its OpenAI generator, against the client library alone and a bare loop.

    python tests/benchmarks/bench_models.py [--short]

All three post the same bodies to the same server, a process of its own. The run is a whole one: it parses, scores and
stores every answer in a SQLite file. It alone begins with few calls in flight and opens its connections while it is
measured, which a minute of questions shows as users meet it; the shorter run beside it shows what the beginning costs.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.asking import MODEL, Measured, question
from tests.benchmarks.bare_loop import bare_loop
from tests.benchmarks.figures import exit_code, judged
from tests.benchmarks.sdk_loop import sdk_loop
from tests.support.model_server.process import model_server_process
from themis.adapters import openai
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset

IN_FLIGHT = 100
LEAST_RATE = 0.90
MOST_MORE_MS = 0.3
LEAST_OF_IDEAL = 0.97
LONG_S = 60.0
"""Seconds that a run ideally takes of which a share of the ideal is asked for."""


def run_loop(base_url: str, count: int, in_flight: int) -> Measured:
    """Ask so many questions by a run, after a run of one round that imports the libraries."""
    _run(base_url, in_flight, in_flight)
    return _run(base_url, count, in_flight)


def _run(base_url: str, count: int, in_flight: int) -> Measured:
    bodies = [question(number) for number in range(count)]
    cases = [Case(case_id=str(no), input=body["messages"], expected_output="0") for no, body in enumerate(bodies)]
    params = {name: value for name, value in bodies[0].items() if name not in {"messages", "model"}}
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as folder:
        experiment = Experiment(
            generation=GenerationConfig(
                generator=openai(MODEL, base_url=base_url, api_key="key", api_mode="chat_completions", params=params)
            ),
            evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/text"]),
            storage=StorageConfig(store="sqlite", parameters={"path": str(Path(folder) / "runs.sqlite3")}),
            runtime=RuntimeConfig(max_concurrent_tasks=in_flight),
            datasets=[Dataset(dataset_id="questions", cases=cases)],
        )
        experiment.compile()
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        result = experiment.run()
        measured = Measured(count, time.perf_counter() - began_s, time.process_time() - began_cpu_s)
    if result.status != "completed":
        raise SystemExit(f"the run ended as {result.status}")  # noqa: TRY003, EM102
    return measured


LOOPS: dict[str, Callable[[str, int, int], Measured]] = {
    "bare aiohttp": bare_loop,
    "client library": sdk_loop,
    "themis run": run_loop,
}


def in_turns(latency_ms: float, count: int, rounds: int) -> dict[str, list[Measured]]:
    """Measure each loop so many times, in turns, against one server."""
    found: dict[str, list[Measured]] = {name: [] for name in LOOPS}
    with model_server_process("--bare", "--latency-ms", str(latency_ms)) as server:
        for _ in range(rounds):
            for name, loop in LOOPS.items():
                found[name].append(loop(server.openai_url, count, IN_FLIGHT))
    return found


def compare(latency_ms: float, count: int, rounds: int) -> None:
    """Print one table: rate and processor time of each loop, and the run against the library."""
    found = in_turns(latency_ms, count, rounds)
    rate = {name: statistics.median(one.per_second for one in several) for name, several in found.items()}
    cpu_ms = {name: statistics.median(one.cpu_ms for one in several) for name, several in found.items()}
    ideal = IN_FLIGHT / latency_ms * 1_000
    print(f"\n{latency_ms:g} ms, {IN_FLIGHT} in flight, {count:,} requests, median of {rounds}:")
    for name in LOOPS:
        print(f"  {name:15} {rate[name]:7,.0f} a second, {cpu_ms[name]:.2f} ms of CPU a request")
    ratio, more_ms = rate["themis run"] / rate["client library"], cpu_ms["themis run"] - cpu_ms["client library"]
    of_ideal = rate["themis run"] / ideal
    if latency_ms < 200:  # above it no loop is bound by the processor
        target = judged(
            f"{latency_ms:g} ms: rate of the library's",
            f"{ratio:.1%}",
            f"at least {LEAST_RATE:.0%}",
            met=ratio >= LEAST_RATE,
        )
        print(f"  rate of the run: {ratio:.1%} of the library's ({target})")
        target = judged(
            f"{latency_ms:g} ms: more CPU",
            f"{more_ms:.2f} ms",
            f"at most {MOST_MORE_MS} ms",
            met=more_ms <= MOST_MORE_MS,
        )
        print(f"  CPU of the run: {more_ms:+.2f} ms a request ({target})", flush=True)
    elif count / ideal >= LONG_S:
        target = judged(
            f"{latency_ms:g} ms: rate of the ideal",
            f"{of_ideal:.1%}",
            f"at least {LEAST_OF_IDEAL:.0%}",
            met=of_ideal >= LEAST_OF_IDEAL,
        )
        print(f"  rate of the run: {of_ideal:.1%} of the ideal ({target})", flush=True)
    else:
        print(f"  rate of the run: {of_ideal:.1%} of the ideal, its beginning included", flush=True)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    short = parser.parse_args().short
    compare(50, 500 if short else 10_000, 1 if short else 3)
    for count in (200,) if short else (4_000, 12_000):
        compare(500, count, 1)
    return exit_code(short=short)


if __name__ == "__main__":
    sys.exit(main())
