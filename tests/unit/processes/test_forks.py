"""A component may fork: its children can be ended, and have no part in the run."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from themis.core.engine.writer import OutcomeWriter
from themis.core.errors import ForkedCopyError
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.processes.forks import LEFT_OVER, handling, line
from themis.core.stores import InMemoryRunStore

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

PROGRAM = """
import asyncio, multiprocessing, os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from themis.core.stores import sqlite_store

parent = os.getpid()

def fork(case):
    if case.case_id != "q1":
        return
    pid = os.fork()
    if pid:
        print("child ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        return
    how = {how!r}
    if how == "raises":
        raise ValueError("in the child")
    if how == "exits":
        sys.exit(3)

def generate(case, ctx):
    calls.write(case.case_id + "\\n")
    calls.flush()
    if {stage!r} == "generate":
        fork(case)
    return case.input

async def generate_later(case, ctx):
    if {stage!r} == "await":
        fork(case)
    await asyncio.sleep(0.01)
    calls.write(case.case_id + "\\n")
    calls.flush()
    return case.input

def score(value, case):
    if {stage!r} == "score":
        fork(case)
    return 1.0

calls = open("calls.txt", "a")
store = sqlite_store("themis.sqlite3")
script = (lambda case, ctx: generate_later(case, ctx)) if {stage!r} == "await" else generate
def score_again(value, case):
    if os.getpid() != parent:
        print("the child goes on scoring", flush=True)
    return 1.0

metrics = [ScriptedMetric(score), ScriptedMetric(score_again, component_id="lab/again")]
made = experiment(ScriptedGenerator(script), metrics=metrics, datasets=[dataset(6)])
try:
    result = asyncio.run(made.run_async(store=store)) if {under_a_loop} else made.run(store=store)
    print(result.status.value, result.progress.completed_cases)
finally:
    print("the end", flush=True)
"""


def carry_out(folder: Path, root: Path, stage: str, how: str, *, under_a_loop: bool) -> tuple[list[str], str]:
    """What a program prints and says in which a component forks."""
    program = PROGRAM.format(root=str(root), stage=stage, how=how, under_a_loop=under_a_loop)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )
    return done.stdout.splitlines(), done.stderr


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("stage", "how", "under_a_loop"),
    [
        ("score", "returns", False),
        ("await", "returns", True),
        pytest.param("score", "raises", False, marks=pytest.mark.slow),
        pytest.param("score", "exits", False, marks=pytest.mark.slow),
        pytest.param("generate", "raises", False, marks=pytest.mark.slow),
        pytest.param("await", "returns", False, marks=pytest.mark.slow),
        pytest.param("score", "returns", True, marks=pytest.mark.slow),
    ],
)
@pytest.mark.not_smoke
def test_a_child_that_comes_back_into_the_run_ends_and_has_written_nothing(
    tmp_path: Path, pytestconfig: pytest.Config, stage: str, how: str, under_a_loop: bool
) -> None:
    printed, said = carry_out(tmp_path, pytestconfig.rootpath, stage, how, under_a_loop=under_a_loop)
    code = 3 if how == "exits" else LEFT_OVER
    assert printed == [f"child ended with {code}", "completed 6", "the end"], said
    assert said.count("is a forked copy of a process with an active run") == (how != "exits")
    assert sorted((tmp_path / "calls.txt").read_text().split()) == [f"q{no}" for no in range(6)]


POOLED = """
import asyncio, os, signal, sys, time
sys.path.insert(0, {root!r})
from tests.support.lab import dataset, experiment
from tests.support.thread_bound import Pooled
from themis.cli.terminal.interrupts import ends_cleanly

made = experiment(metrics=[Pooled()], datasets=[dataset(4)])

async def program():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: print("the parent was asked to end"))
    result = await made.run_async()
    await asyncio.sleep(0.05)
    return result

if {under_a_loop}:
    result = asyncio.run(program())
else:
    with ends_cleanly("farewell"):
        result = made.run()
print(result.status.value, [case.scores[0].value for case in result.cases])
"""


@pytest.mark.parametrize("under_a_loop", [False, True])
@pytest.mark.slow
def test_a_pool_of_a_component_can_be_ended_and_its_signals_reach_nobody_else(
    pytestconfig: pytest.Config, under_a_loop: bool
) -> None:
    program = POOLED.format(root=str(pytestconfig.rootpath), under_a_loop=under_a_loop)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "completed [1.0, 1.0, 1.0, 1.0]\n", done.stderr
    assert done.stderr == ""


def test_a_child_has_the_signals_that_were_there_before(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with handling({signal.SIGTERM: lambda *_: None}):
        assert signal.getsignal(signal.SIGTERM) is not before
        pid = os.fork()
        if pid == 0:
            os._exit(0 if signal.getsignal(signal.SIGTERM) is before and line.forks == 1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_that_somebody_else_has_set_meanwhile_stays() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with handling({signal.SIGTERM: lambda *_: None}):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_writer_writes_nothing_in_a_copy_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async def program() -> None:
        async with OutcomeWriter(InMemoryRunStore(), "r", None) as writer:
            writer.add(Outcome(0, Stage.GENERATE, 0, ok=True, finished_ms=0, value=None, output='"x"', body="{}"))
            monkeypatch.setattr(line, "forks", line.forks + 1)

    with pytest.raises(ForkedCopyError, match="must not continue it: writing its outcomes"):
        asyncio.run(program())
