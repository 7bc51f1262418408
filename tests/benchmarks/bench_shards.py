"""What shards give: one run whose metric computes, in eight shards over two slots, beside the same run in one job.

    python tests/benchmarks/bench_shards.py [--short]

Each daemon is a real one. Times are those that the store keeps: from the start of a run's first attempt to the end of
its last, so that the start of the daemon does not count, and the start of each shard's process does. Two bare loops in
two processes say what the machine allows just now; each round measures all three, one after the other. Where other
programs use the machine, too, times say little, and what all processes of a daemon have computed says the same.
"""

import argparse
import resource
import statistics
import sys
import time
from typing import NamedTuple

from tests.benchmarks.bench_worker import PATIENCE_S, Bench, bare_scaling, bench, report
from tests.benchmarks.figures import exit_code
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.results import RunStatus
from themis.core.submission import submit_experiment

SHARDS, SLOTS = 8, 2


def experiment(made: Bench, cases: int, rounds: int) -> Experiment:
    """A run of cases whose metric counts to `rounds` for each."""
    metric = {"use": "tests.benchmarks.bench_worker:BusyMetric", "with": {"rounds": rounds}}
    listed = [Case(case_id=f"c{number}", input="x", expected_output="x") for number in range(cases)]
    return Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=[metric], parsers=["builtin/json_identity"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(made.folder / "themis.sqlite3")}),
        runtime=RuntimeConfig(queue_root=str(made.queue_root)),
        datasets=[Dataset(dataset_id="d", cases=listed)],
    )


class Took(NamedTuple):
    """Seconds from the start of the first attempt of a run to the end of its last, and those of computing in all."""

    seconds: float
    computing_s: float


def took(shards: int, slots: int, cases: int, rounds: int) -> Took:
    """What a run takes in so many shards over so many slots."""
    before_s = _computed_s()
    with bench() as made:
        made.poll_s = 0.5  # looking costs time that the jobs would use
        run = experiment(made, cases, rounds)
        manifest = submit_experiment(run, shards=shards)
        store = run.open_store()
        keys = [shard.key for shard in store.shards(manifest.run_id)] or [str(manifest.job)]
        with made.daemon("--slots", str(slots)):
            attempts = made.wait_for(keys)
        patient_until = time.monotonic() + PATIENCE_S
        while (record := store.load_run(manifest.run_id)) is None or record.ended_ms is None:
            if time.monotonic() > patient_until:
                raise SystemExit("the run did not end")  # noqa: TRY003, EM101
            time.sleep(0.01)
        store.close()
    if record.status is not RunStatus.COMPLETED:
        raise SystemExit(f"the run is {record.status}")  # noqa: TRY003, EM102
    lasted_ns = max(one.ended_ns for one in attempts) - min(one.started_ns for one in attempts)
    return Took(lasted_ns / 1e9, _computed_s() - before_s)


def _computed_s() -> float:
    """Seconds that all processes which this one has started, and their own, have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(*, short: bool = False) -> int:
    """Measure, and print a line for each figure with what it is held against; 1 when one misses it."""
    cases, rounds, repeats = (400, 100_000, 1) if short else (4_000, 100_000, 3)
    found = []
    for _ in range(repeats):
        bare = bare_scaling(1.0 if short else 4.0)
        one = took(1, 1, cases, rounds)
        both = took(SHARDS, SLOTS, cases, rounds)
        ratio = one.seconds / both.seconds
        found.append((ratio, bare, ratio / bare, both.computing_s / one.computing_s))
        print(f"  one job {one.seconds:.1f} s, {SHARDS} shards over {SLOTS} slots {both.seconds:.1f} s", flush=True)
    ratio, bare, share, computing = (statistics.median(values) for values in zip(*found, strict=True))
    shown = f"{ratio:.2f} ({share:.2f} of two loops, {bare:.2f})"
    what = f"{SHARDS} shards over {SLOTS} slots, over one job: times as fast"
    report(what, shown, "1.9, or 0.95 of the loops", met=ratio >= 1.9 or share >= 0.95)
    report(
        "  computing of all processes, over that of one job", f"{computing:.3f}", "1.05 at most", met=computing <= 1.05
    )
    return exit_code(short=short)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute instead of several")
    sys.exit(main(short=parser.parse_args().short))
