"""A judged run may be killed at any moment: no call of a judge that was committed is made again, and nothing is lost.

The judge writes down each call, outside the store, so that it can be seen what was asked after which death.
"""

import asyncio
import os
import random
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.processes.crash_points import context
from tests.support.judging_lab import ScriptedJudged, workflow_with
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.engine import writer
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.results import RunStatus
from themis.core.stores import sqlite_store
from themis.core.workflows import JudgeCall, JudgeResponse, RenderedJudgePrompt

LOG = "judged.log"
CALLS = 3


class RecordingJudge:
    """Says a number that follows from the prompt, a little later, after writing the prompt to a file."""

    component_id = "test/recording_judge"
    version = "1"

    def __init__(self, log: str) -> None:
        """Write to the file `log`."""
        self._log = log

    def fingerprint(self) -> str:
        """The same for every file."""
        return "1"

    async def judge(self, prompt: RenderedJudgePrompt, *, seed: int | None = None) -> JudgeResponse:
        """A number from 0 to 1."""
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{prompt.content}\n".encode())
        os.close(descriptor)
        await asyncio.sleep(0.003)
        return JudgeResponse(judge_model_id=self.component_id, raw_response=str((seed or 0) % 101 / 100))


class Panel(ScriptedJudged):
    """Asks the judge several times about each case."""

    def __init__(self) -> None:
        """Each prompt names its case and its call."""
        super().__init__(
            workflow_with(judges=["test/recording_judge"] * CALLS, render_prompt=_named), component_id="test/panel"
        )


def _named(call: JudgeCall, subject: Any, ctx: Any) -> RenderedJudgePrompt:
    return RenderedJudgePrompt(prompt_id=call.call_id, content=f"{ctx.case.case_id} {call.call_id}")


def experiment(folder: Path, cases: int) -> Experiment:
    return Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(
            metrics=["builtin/exact_match", f"{__name__}:Panel"],
            judge_models=[{"use": f"{__name__}:RecordingJudge", "with": {"log": str(folder / LOG)}}],
        ),
        storage=StorageConfig(store="sqlite", parameters={"path": str(folder / "themis.sqlite3")}),
        runtime=RuntimeConfig(max_concurrent_tasks=4),
        datasets=[Dataset(dataset_id="d", cases=[_case(number) for number in range(cases)])],
        seeds=[7],
    )


def _case(number: int) -> Case:
    return Case(case_id=f"q{number}", input=str(number), expected_output=str(number))


def _run(folder: Path, cases: int) -> None:
    writer.COMMIT_INTERVAL_S = 0.01
    assert experiment(folder, cases).run().status is RunStatus.COMPLETED


def killed_after(calls: int | None, folder: Path, cases: int) -> bool:
    """Run the experiment in a process that is killed after so many calls, or never; whether it ended before."""
    child = context().Process(target=_run, args=(folder, cases))
    before = len(asked(folder))
    child.start()
    while calls is not None and child.is_alive() and len(asked(folder)) - before < calls:
        child.join(0.002)
    if calls is not None:
        child.kill()
    child.join()
    assert child.exitcode in {0, -signal.SIGKILL}
    return child.exitcode == 0


def committed(folder: Path) -> set[str]:
    """The calls whose responses are in the store."""
    path = folder / "themis.sqlite3"
    if not path.is_file():
        return set()
    with closing(sqlite3.connect(path, timeout=30)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'judge_calls'").fetchone():
            return set()
        return {f"q{no} {call_id}" for no, call_id in database.execute("SELECT case_no, call_id FROM judge_calls")}


def asked(folder: Path) -> list[str]:
    path = folder / LOG
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def rows(folder: Path, cases: int) -> list[dict[str, Any]]:
    with closing(sqlite_store(folder / "themis.sqlite3")) as store:
        run_id = experiment(folder, cases).compile().run_id
        found: list[dict[str, Any]] = store.get_projection(run_id, "benchmark_result")["score_rows"]
        return found


def kill_until_done(folder: Path, cases: int, chance: random.Random) -> int:
    """Kill the run again and again at random moments; returns how often something was committed before it died."""
    kills, is_done = 0, False
    while not is_done:
        before, known = len(asked(folder)), committed(folder)
        is_done = killed_after(chance.randrange(1, cases * CALLS // 2), folder, cases)
        again = known.intersection(asked(folder)[before:])
        assert not again, f"asked again after death {kills}: {sorted(again)}"
        kills += not is_done and len(committed(folder)) > len(known)
    return kills


def check(folder: Path, cases: int, chance: random.Random) -> int:
    """Compare a run that is killed again and again with a calm one; returns how often it was killed in the midst."""
    calm, storm = folder / "calm", folder / "storm"
    calm.mkdir()
    storm.mkdir()
    assert killed_after(None, calm, cases)
    assert len(asked(calm)) == cases * CALLS
    kills = kill_until_done(storm, cases, chance)
    assert rows(storm, cases) == rows(calm, cases)
    assert committed(storm) == committed(calm) == set(asked(calm))
    return kills


def test_a_judged_run_that_is_killed_repeats_no_committed_call(tmp_path: Path) -> None:
    assert check(tmp_path, 24, random.Random(3)) > 0


@pytest.mark.slow
def test_a_judged_run_that_is_killed_over_and_over_repeats_no_committed_call(tmp_path: Path, short: bool) -> None:
    for seed in range(2 if short else 25):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert check(folder, 200, random.Random(seed)) > 0
