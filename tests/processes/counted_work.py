"""Programs whose work is counted: `counted_work.py cases|noted|jobs FOLDER COUNT [statements]`.

Runs an experiment of so many cases, the same with notes of those in flight, as a worker keeps them, or so many jobs of
a queue. What one of them costs is the difference between two counts. With `statements` it prints the number of its SQL
statements; counting them costs a tenth more instructions.
"""

import asyncio
import json
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.processes.queue_world import world
from themis.core.config import DatasetFile, EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.engine import writer
from themis.core.engine.run import RunExecution
from themis.core.engine.run_options import Precautions, RunOptions
from themis.core.experiment import Experiment
from themis.core.processes.noted_cases import NotedCases
from themis.core.results import RunStatus

PATIENCE_S = 3_600.0


class CountedConnection(sqlite3.Connection):
    """A connection that counts the statements of all."""

    statements = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Count from the first statement on."""
        super().__init__(*args, **kwargs)
        self.set_trace_callback(self._count)

    @staticmethod
    def _count(_: str) -> None:
        CountedConnection.statements += 1


def cases(folder: Path, count: int, precautions: Precautions | None = None) -> None:
    """Run an experiment of instant cases, with commits by their rows alone: the machine's speed decides nothing."""
    writer.COMMIT_INTERVAL_S = writer.MAX_COMMIT_INTERVAL_S = PATIENCE_S
    writer.MAX_WAITING_ROWS = writer.COMMIT_ROWS  # else a quick machine has more of them in a commit
    with (folder / "cases.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            case = {"case_id": f"case-{number:06d}", "input": f"{number} + 1?", "expected_output": str(number + 1)}
            file.write(json.dumps(case) + "\n")
    experiment = Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/text"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        datasets=[DatasetFile(dataset_id="numbers", path=str(folder / "cases.jsonl"))],
    )
    options, store = RunOptions(precautions=precautions or Precautions()), experiment.open_store()
    record = asyncio.run(RunExecution(experiment.compiled(), store, experiment.runtime, options).execute())
    assert (record.status, store.count_ends(record.run_id)) == (RunStatus.COMPLETED, (count, 0))


def noted(folder: Path, count: int) -> None:
    """Run the same with notes of the cases in flight."""
    cases(folder, count, Precautions(partial(NotedCases.make, folder / "notes", "token")))


def jobs(folder: Path, count: int) -> None:
    """Submit, claim and settle so many jobs."""
    with world(folder) as here:
        for number in range(count):
            here.submit(f"run-{number}")
        for _ in range(count):
            here.finish(here.claimed())


def main(what: str, folder: Path, count: int, *options: str) -> None:
    """Do the work in a new folder, and print what was counted."""
    if options:
        connect = sqlite3.connect
        sqlite3.connect = lambda *args, **named: connect(*args, factory=CountedConnection, **named)  # type: ignore[assignment]
    folder.mkdir(parents=True)
    {"cases": cases, "noted": noted, "jobs": jobs}[what](folder, count)
    sys.stdout.write(f"{CountedConnection.statements}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
