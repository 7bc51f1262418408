"""An experiment's worker may die at any step of submit, claim, run, settle and recover: nothing is lost or done twice.

The generator writes down each call, outside the store, so that it can be seen whether a case was generated again whose
result had been committed before the process died.
"""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.crash_points import kill_at, steps_of
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.contexts import GenerateContext
from themis.core.engine import writer
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset, GenerationResult
from themis.core.outcomes.stages import Stage
from themis.core.queue.model.layout import JOB_FOLDERS
from themis.core.submission import run_worker_once, submit_experiment

CASES = 9
CALLS = "generated.log"


class RecordingGenerator:
    """Answers with the expected output, after writing the case's id to a file."""

    component_id = "test/recording_generator"
    version = "1"

    def __init__(self, log: str) -> None:
        """Write to the file `log`."""
        self._log = log

    def fingerprint(self) -> str:
        """The same for every file."""
        return "1"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """The expected output."""
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{case.case_id}\n".encode())
        os.close(descriptor)
        return GenerationResult(candidate_id=f"{case.case_id}-{ctx.seed}", final_output=case.expected_output)


def experiment(folder: Path) -> Experiment:
    """A few cases, one at a time, each committed soon."""
    return Experiment(
        generation=GenerationConfig(
            generator={"use": f"{__name__}:RecordingGenerator", "with": {"log": str(folder / CALLS)}}
        ),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/json_identity"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        runtime=RuntimeConfig(max_concurrent_tasks=1, queue_root=str(folder / "queue"), max_worker_lost=9),
        datasets=[
            Dataset(
                dataset_id="few",
                cases=[Case(case_id=f"c{number}", input=number, expected_output=number) for number in range(CASES)],
            )
        ],
    )


def submit(folder: Path) -> None:
    """Submit the experiment."""
    submit_experiment(experiment(folder))


def work(folder: Path) -> None:
    """Run what is in the queue, committing every few outcomes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "COMMIT_ROWS", 8)
        patch.setattr(writer, "MAX_WAITING_ROWS", 8)
        while run_worker_once(folder / "queue") is not None:
            pass


def submit_and_work(folder: Path) -> None:
    """The whole life of the experiment."""
    submit(folder)
    work(folder)


def killed_while_it_ran(folder: Path, point: int) -> None:
    """An experiment whose worker died at a point of its work."""
    submit(folder)
    assert kill_at(point, work, folder)


def middle_of_the_run(folder: Path) -> int:
    """The point of a worker's life at which about half of the outcomes are committed."""
    submit(folder)
    commits = [number for number, step in enumerate(steps_of(work, folder)) if step.startswith("commit")]
    return commits[len(commits) // 2]


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["submit, claim, run and settle", "recover"])
def test_killed_at_any_step_an_experiment_ends_once_and_repeats_no_committed_case(
    phase: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], short: bool
) -> None:
    recovering = phase == "recover"
    action = work if recovering else submit_and_work
    middle = middle_of_the_run(_fresh(tmp_path, "middle"))
    calm = _fresh(tmp_path, "calm")
    if recovering:
        killed_while_it_ran(calm, middle)
        assert 0 < len(_committed(calm)) < CASES
    points = len(steps_of(action, calm))
    runs = 0
    for point in range(0, points, 7 if short else 1):
        folder = _fresh(tmp_path, str(point))
        if recovering:
            killed_while_it_ran(folder, middle)
        kill_at(point, action, folder)
        runs += 1
        _recover_and_check(folder, f"{phase}, point {point}")
    with capsys.disabled():
        print(f"\n{phase}: {points} points, {runs} runs killed", flush=True)  # noqa: T201


def _fresh(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def _recover_and_check(folder: Path, where: str) -> None:
    committed, calls = _committed(folder), _calls(folder)
    submit_and_work(folder)
    again = Counter(_calls(folder)) - Counter(calls)
    assert not committed & set(again), f"{where}: generated again: {sorted(committed & set(again))}"
    _check_one_end(folder, where)
    _check_results(folder, where)


def _check_one_end(folder: Path, where: str) -> None:
    files = [path for name in JOB_FOLDERS for path in (folder / "queue" / name).iterdir()]
    assert [path.parent.name for path in files] == ["done"], f"{where}: {files}"
    states = _query(folder, "SELECT state FROM jobs")
    assert states == [("done",)], f"{where}: {states}"


def _check_results(folder: Path, where: str) -> None:
    outcomes = _query(folder, "SELECT case_no, stage, count(*), sum(ok) FROM outcomes GROUP BY case_no, stage, item")
    expected = [(no, stage, 1, 1) for no in range(CASES) for stage in (Stage.GENERATE, Stage.PARSE, Stage.SCORE)]
    assert outcomes == expected, f"{where}: {outcomes}"
    assert _query(folder, "SELECT status, completed_through FROM runs") == [("completed", "score")], where
    assert _query(folder, "SELECT count(*), sum(failed) FROM cases") == [(CASES, 0)], where


def _committed(folder: Path) -> set[str]:
    """Cases whose generation was in the store when the process died."""
    if not (folder / "themis.sqlite3").exists():
        return set()
    try:
        rows = _query(folder, f"SELECT case_no FROM outcomes WHERE stage = {int(Stage.GENERATE)}")  # noqa: S608
    except sqlite3.OperationalError:  # it died before the tables were made
        return set()
    return {f"c{number}" for (number,) in rows}


def _calls(folder: Path) -> list[str]:
    log = folder / CALLS
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def _query(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "themis.sqlite3")) as database:
        return list(database.execute(statement))
