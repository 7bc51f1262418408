"""How long it takes until the first call when a run is continued of which nearly all is done.

    python tests/benchmarks/bench_resume.py [--short] [--cases 1000000] [--profiles FOLDER]

The cases that are left are at the end of the run, or spread over all of it. A run is continued by the same command, and
as the job of a worker: each time as a process of its own, whose generator notes when it is called first, and interrupts
it. One round fills the caches of the disk; the figures are medians of the others.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.figures import exit_code, judged
from themis.core.datasets.fingerprint import DatasetFingerprint
from themis.core.experiment import Experiment
from themis.core.outcomes.stages import Stage
from themis.core.submission import submit_experiment

MOST_S = 2.0
MOST_MB = 200
LEFT = 0.01
"""The share of the cases that is not done."""

MODULE = """
import asyncio, os, resource, signal, time

class Generator:
    component_id = "bench/first_call"
    version = "1"

    def fingerprint(self):
        return "1"

    async def generate(self, case, ctx):
        from themis.core.models import GenerationResult
        if (path := os.environ.get("FIRST_CALL")) is not None and not os.path.exists(path):
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            with open(path, "w") as file:
                file.write(f"[{time.time()}, {time.process_time()}, {peak_mb}]")
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)
"""
CONFIG = """
datasets:
- dataset_id: {dataset}
  path: {path}
generation:
  generator: first_call:Generator
evaluation:
  parsers: [builtin/json_identity]
  metrics: [builtin/exact_match]
storage:
  store: sqlite
  parameters: {{path: themis.sqlite3}}
runtime:
  queue_root: queue
"""
PROGRAMS = {
    "a job": "from themis.core.submission import run_worker_once; run_worker_once(queue_root='queue')",
    "themis run": "import sys; from themis.cli.main import main; sys.exit(main(['run', 'experiment.yaml', '--quiet']))",
}
OUTCOMES = """
INSERT INTO outcomes (run_no, case_no, stage, item, ok, finished_ms, value, output, body)
SELECT c.run_no, c.case_no, o.stage, o.item, o.ok, o.finished_ms, o.value, o.output, o.body
FROM cases c JOIN outcomes o WHERE c.run_no = ? AND o.run_no = ? AND o.case_no = 0
"""
TEMPLATE_CASES = 10


class First(NamedTuple):
    """The first call: seconds after the start of the process, its seconds of computing, and its peak of memory."""

    seconds: float
    computing_s: float
    peak_mb: float


def write_cases(path: Path, count: int) -> None:
    """Write small cases of texts, each of its own."""
    with path.open("w") as file:
        for number in range(count):
            case = {"case_id": f"case-{number:07d}", "input": f"What is {number} + 1?", "expected_output": number + 1}
            file.write(json.dumps(case) + "\n")


def fill(folder: Path, count: int) -> None:
    """Write the cases and two experiments: `small.yaml` with few of the cases, which is run, and one with all."""
    (folder / "first_call.py").write_text(MODULE)
    for name, dataset, cases in (("small", "few", TEMPLATE_CASES), ("experiment", "all", count)):
        write_cases(folder / f"{name}.jsonl", cases)
        (folder / f"{name}.yaml").write_text(CONFIG.format(dataset=dataset, path=f"{name}.jsonl"))


def add_done(folder: Path, *, spread: bool) -> None:
    """Submit the run of all cases with nearly all of them done, each with the outcomes of a case that was run."""
    template = Experiment.from_config(folder / "small.yaml").run().run_id
    experiment = Experiment.from_config(folder / "experiment.yaml")
    run = experiment.compiled()
    submit_experiment(experiment)
    store = experiment.open_store()
    with store.transaction() as connection:
        numbers = "SELECT run_no FROM runs WHERE run_id = ?"
        run_ids = (run.snapshot.run_id, template)
        run_no, template_no = (connection.execute(numbers, (run_id,)).fetchone()[0] for run_id in run_ids)
        columns = "run_no, case_no, dataset_no, case_id, digest, failed, through"
        insert = f"INSERT INTO cases ({columns}) VALUES (?, ?, 0, ?, ?, 0, ?)"  # noqa: S608  # constants
        connection.executemany(insert, case_rows(run_no, run.fingerprints[0], spread=spread))
        connection.execute(OUTCOMES, (run_no, template_no))
    store.close()


def case_rows(run_no: int, known: DatasetFingerprint, *, spread: bool) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the cases that are done."""
    every, total = round(1 / LEFT), known.case_count
    for number, digest in enumerate(known.each_digest()):
        is_left = number % every == every // 2 if spread else number >= total - total // every
        if not is_left:
            yield run_no, number, f"case-{number:07d}", digest, int(Stage.JUDGE)


def first_call(folder: Path, program: str, profile: Path | None) -> First:
    """Continue the run in a process of its own, up to its first call."""
    noted, script = folder / "first-call", folder / "program.py"
    noted.unlink(missing_ok=True)
    script.write_text(program)
    profiled = [] if profile is None else ["-m", "cProfile", "-o", str(profile)]
    environment = {**os.environ, "FIRST_CALL": str(noted), "PYTHONPATH": str(folder)}
    command = [sys.executable, *profiled, str(script)]
    began = time.time()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if not noted.exists():
        raise SystemExit(done.stderr or done.stdout)
    at, computing_s, peak_mb = json.loads(noted.read_text())
    return First(at - began, computing_s, peak_mb)


def main(*, short: bool, cases: int | None, profiles: Path | None) -> int:
    """Measure, and print a line for each figure with what it is held against; 1 when one misses it."""
    # The processes interrupt themselves, also where this one was started with interrupts ignored, as by `nohup … &`.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    count, rounds = cases or (20_000 if short else 1_000_000), 1 if short else 3
    print(f"{count:,} cases, of which {LEFT:.0%} are left", flush=True)
    for place in ("end", "spread"):
        with tempfile.TemporaryDirectory(prefix="bench-resume-") as name:
            # Filled by a process of its own: its peak of memory would become that of its children.
            subprocess.run([sys.executable, __file__, "--fill", name, place, str(count)], check=True)
            for what, program in PROGRAMS.items():
                profile = None if profiles is None else profiles / f"{what.replace(' ', '-')}-{place}.prof"
                found = [first_call(Path(name), program, profile) for _ in range(1 + rounds)][1:]
                report(f"{what}, left {place}", First(*map(statistics.median, zip(*found, strict=True))))
    return exit_code(short=short)


def report(what: str, found: First) -> None:
    """Print a line: when the first call is made, and what it took until then."""
    text = f"{found.seconds:.2f} s ({found.computing_s:.2f} computing), {found.peak_mb:.0f} MB"
    met = found.seconds <= MOST_S and found.peak_mb <= MOST_MB
    held = judged(f"first call, {what}", text, f"{MOST_S:.0f} s and {MOST_MB} MB", met=met)
    print(f"  first call, {what:24} {text:36} target {held}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="few cases: does it run at all")
    parser.add_argument("--cases", type=int, help="how many cases the run has")
    parser.add_argument("--profiles", type=Path, help="a folder for the profiles of all processes")
    parser.add_argument("--fill", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fill:
        fill(Path(given.fill[0]), int(given.fill[2]))
        add_done(Path(given.fill[0]), spread=given.fill[1] == "spread")
    else:
        sys.exit(main(short=given.short, cases=given.cases, profiles=given.profiles))
