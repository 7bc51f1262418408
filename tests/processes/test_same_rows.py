"""What a metric scores does not depend on how many workers there are, nor on how busy the machine is."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.worker_world import World
from tests.support import thread_bound
from tests.support.lab import dataset, experiment, scores_of
from themis.core.config import RuntimeConfig
from themis.core.stores import projections, sqlite_store
from themis.core.submission import submit_experiment

CASES = 6
BUSY = "while True: pass"


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """A block during which so many other processes compute all the time."""
    with contextlib.ExitStack() as stack:
        for _ in range(processes):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY]))
            stack.callback(process.kill)
        yield


def rows_of(folder: Path, *, runs: int, daemons: int, busy: int) -> dict[str, list[Any]]:
    """What the workers score, by metric and run; each is submitted, run and read in a world of its own."""
    world = World(folder)
    folder.mkdir()
    runtime = RuntimeConfig(queue_root=str(world.queue_root), max_attempts=1, timeout_s=120.0)
    submitted = {}
    for kind in thread_bound.ALL:
        for number in range(runs):
            made = experiment(
                metrics=[f"tests.support.thread_bound:{kind.__name__}"],
                datasets=[dataset(CASES, f"{kind.__name__}-{number}")],
                runtime=runtime,
                path=world.store_path,
            )
            submitted[f"{kind.__name__} {number}"] = submit_experiment(made).run_id
    with load(busy), contextlib.ExitStack() as stack:
        started = [stack.enter_context(world.daemon("--slots", "1", "--drain")) for _ in range(daemons)]
        for daemon in started:
            assert daemon.wait(60 + 4 * len(submitted)) == 0, world.said()
    store = sqlite_store(world.store_path)
    found = {
        name: [
            (case.case_id, scores_of(case), dict(case.evaluation_failures))
            for case in projections.run_result(store, run_id).cases
        ]
        for name, run_id in submitted.items()
    }
    store.close()
    return found


@pytest.mark.slow
def test_one_worker_and_eight_under_load_score_the_same(tmp_path: Path, short: bool) -> None:
    runs, daemons = (2, 3) if short else (50, 8)
    expected: list[Any] = [(f"q{number}", [1.0], {}) for number in range(CASES)]
    alone = rows_of(tmp_path / "alone", runs=runs, daemons=1, busy=0)
    assert {name: rows for name, rows in alone.items() if rows != expected} == {}
    crowd = rows_of(tmp_path / "crowd", runs=runs, daemons=daemons, busy=2)
    assert crowd == alone
    assert len(crowd) == runs * len(thread_bound.ALL)
