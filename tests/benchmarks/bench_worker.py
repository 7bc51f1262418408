"""What a worker daemon costs: jobs a second, what it uses while idle, how soon a job begins, what a slot gives.

    python tests/benchmarks/bench_worker.py [--short]

Every daemon is a real one: each experiment runs in a process of its own, and every step is durable. Rates are taken
from the times that the store keeps, so that the daemon's start does not count.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.figures import exit_code, judged
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset, ParsedOutput, Score
from themis.core.stores.job_rows import AttemptRow
from themis.core.stores.sqlite import SqliteRunStore
from themis.core.submission import submit_experiment

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 300.0
_NS = 1e9
_MIB = 1_048_576


class BusyMetric:
    """A metric that keeps a core busy for a while."""

    component_id = "bench/busy_metric"
    version = "1"

    def __init__(self, rounds: int) -> None:
        """Count to `rounds` for each case."""
        self._rounds = rounds

    def fingerprint(self) -> str:
        """Differs with the work."""
        return f"busy {self._rounds}"

    def score(self, parsed: ParsedOutput, case: Case, ctx: Any) -> Score:
        """Always one, after the work."""
        del parsed, case, ctx
        total = 0
        for number in range(self._rounds):
            total += number & 7
        return Score(metric_id=self.component_id, value=1.0, details={})


class Bench:
    """A queue in a folder."""

    def __init__(self, folder: Path) -> None:
        """In `folder`, which is empty."""
        self.folder = folder
        self.poll_s = 0.02
        self.queue_root = folder / "queue"
        self._store = SqliteRunStore(folder / "themis.sqlite3")
        self._count = 0

    def submit(self, cases: int = 1, metric: Any = "builtin/exact_match") -> str:
        """One experiment more; its job's key."""
        self._count += 1
        listed = [Case(case_id=f"c{number}", input="x", expected_output="x") for number in range(cases)]
        experiment = Experiment(
            generation=GenerationConfig(generator="builtin/demo_generator"),
            evaluation=EvaluationConfig(metrics=[metric], parsers=["builtin/json_identity"]),
            storage=StorageConfig(store="sqlite", parameters={"path": str(self._store.path)}),
            runtime=RuntimeConfig(queue_root=str(self.queue_root)),
            datasets=[Dataset(dataset_id=f"d{self._count}", cases=listed)],
        )
        return submit_experiment(experiment).manifest_path.stem.rpartition("-")[2]

    @contextmanager
    def daemon(self, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A daemon for the length of the block."""
        command = [sys.executable, "-m", "themis", "worker", "--queue-root", str(self.queue_root), *options]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
        if process.returncode:
            raise SystemExit(f"the daemon ended with {process.returncode}")  # noqa: TRY003, EM102

    def attempt(self, key: str) -> AttemptRow | None:
        """The attempt of a job, once it has ended."""
        return next(iter(self._store.jobs.attempts(key)), None)

    def wait_for(self, keys: list[str]) -> list[AttemptRow]:
        """The attempts of jobs, as soon as all have ended."""
        patient_until = time.monotonic() + PATIENCE_S
        found: dict[str, AttemptRow] = {}
        while len(found) < len(keys):
            if time.monotonic() > patient_until:
                raise SystemExit(f"only {len(found)} of {len(keys)} jobs ended")  # noqa: TRY003, EM102
            time.sleep(self.poll_s)
            for key in keys:
                attempt = None if key in found else self.attempt(key)
                if attempt is not None:
                    found[key] = attempt
        return list(found.values())

    def close(self) -> None:
        """Close the store."""
        self._store.close()


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as folder:
        made = Bench(Path(folder))
        try:
            yield made
        finally:
            made.close()


def jobs_a_second(jobs: int) -> float:
    """Experiments of one instant case, through two slots."""
    with bench() as made:
        keys = [made.submit() for _ in range(jobs)]
        with made.daemon("--slots", "2"):
            attempts = made.wait_for(keys)
    return jobs * _NS / _span_ns(attempts)


def idle(seconds: float) -> tuple[float, float]:
    """Share of a core, and MiB of memory by proportional share, that a daemon of two slots takes while it waits."""
    with bench() as made:
        first = made.submit()
        with made.daemon("--slots", "2") as process:
            made.wait_for([first])
            time.sleep(2.0)
            everybody = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            before_s, began_s = sum(map(_cpu_s, everybody)), time.perf_counter()
            time.sleep(seconds)
            used_s = sum(map(_cpu_s, everybody)) - before_s
            lasted_s = time.perf_counter() - began_s
            memory_mb = sum(one.memory_full_info().pss for one in everybody) / _MIB
    return used_s / lasted_s, memory_mb


def begins_after_ms(jobs: int) -> list[float]:
    """Milliseconds from a submit's acknowledgement until a free slot has the job."""
    with bench() as made:
        first = made.submit()
        delays = []
        with made.daemon("--slots", "2"):
            made.wait_for([first])
            for number in range(jobs):
                time.sleep(0.15 + 0.01 * (number % 7))
                key = made.submit()
                acknowledged_ns = time.time_ns()
                (attempt,) = made.wait_for([key])
                delays.append((attempt.started_ns - acknowledged_ns) / 1e6)
    return sorted(delays)


def busy_rate(jobs: int, slots: int, rounds: int) -> float:
    """Experiments a second whose metric keeps a core busy."""
    metric = {"use": "tests.benchmarks.bench_worker:BusyMetric", "with": {"rounds": rounds}}
    with bench() as made:
        made.poll_s = 0.5  # looking costs time that the jobs would use
        keys = [made.submit(120, metric) for _ in range(jobs)]
        with made.daemon("--slots", str(slots)):
            attempts = made.wait_for(keys)
    return jobs * _NS / _span_ns(attempts)


def bare_scaling(seconds: float) -> float:
    """How much more two bare loops in two processes get done than one alone: what the machine allows just now."""
    lines = [
        "import sys, time",
        "end, count = time.perf_counter() + float(sys.argv[1]), 0",
        "while time.perf_counter() < end:",
        "    for _ in range(10_000): count += 1",
        "print(count)",
    ]

    def done(processes: int) -> int:
        command = [sys.executable, "-c", "\n".join(lines), str(seconds)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
        return sum(int(process.communicate()[0]) for process in running)

    return done(2) / done(1)


def _span_ns(attempts: list[AttemptRow]) -> float:
    if {attempt.cause for attempt in attempts} != {"done"}:
        raise SystemExit(f"not all jobs were done: {attempts}")  # noqa: TRY003, EM102
    return max(attempt.ended_ns for attempt in attempts) - min(attempt.started_ns for attempt in attempts)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main(*, short: bool = False) -> int:
    """Measure, and print a line for each figure with what it is held against; 1 when one misses it."""
    rounds = 1 if short else 3
    rate = statistics.median(jobs_a_second(60 if short else 400) for _ in range(rounds))
    report("jobs of one instant case a second, 2 slots, durable and isolated", f"{rate:.0f}", "50", met=rate >= 50)
    share, memory_mb = idle(5.0 if short else 30.0)
    report("an idle daemon's share of a core", f"{share:.2%}", "0.5 % at most", met=share <= 0.005)
    what = "  its memory, with all its helpers, by proportional share"
    report(what, f"{memory_mb:.0f} MB", "80 MB at most", met=memory_mb <= 80)
    delays = begins_after_ms(20 if short else 200)
    p95 = delays[int(len(delays) * 0.95) - 1]
    median = statistics.median(delays)
    found = f"{p95:.0f} ms (median {median:.0f})"
    report("from a submit to a free slot, 95th percentile", found, "50 ms at most", met=p95 <= 50)
    ratios, bare = [], []
    for _ in range(rounds):
        bare.append(bare_scaling(1.0 if short else 4.0))
        one = busy_rate(4, 1, 60_000 if short else 400_000)
        two = busy_rate(4, 2, 60_000 if short else 400_000)
        ratios.append(two / one)
    ratio = statistics.median(ratios)
    found = f"{ratio:.2f} (bare loops {statistics.median(bare):.2f})"
    report("two slots over one, metrics that keep a core busy", found, "1.8", met=ratio >= 1.8)
    return exit_code(short=short)


def report(what: str, found: str, target: str, *, met: bool) -> None:
    """A line of the table."""
    print(f"{what:66} {found:>22}   target {judged(what, found, target, met=met)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute instead of several")
    sys.exit(main(short=parser.parse_args().short))
