"""Ctrl-C while the command loads, and while the interpreter shuts down: one line and 130, never a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project_copy import PROJECT

# Sends SIGINT to this process when a module is about to be imported, or at its very end.
HOOK = """
import os, signal, sys
moment = os.environ["INTERRUPT_AT"]
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
def watch(event, arguments):
    if event == "import" and arguments[0] == moment:
        interrupt()
if moment == "end":
    import atexit
    atexit.register(interrupt)
elif moment == "callback":
    import weakref
    class Thing: pass
    thing = Thing()
    kept = weakref.ref(thing, lambda _: signal.default_int_handler(2, None))
    def lose(event, arguments):
        global thing
        if event == "import" and arguments[0] == "themis.core.experiment":
            thing = None
    sys.addaudithook(lose)
else:
    sys.addaudithook(watch)
"""
CONFIG = """
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match]}
datasets: [{dataset_id: d, cases: [{case_id: a, input: x, expected_output: x}]}]
"""
MODULES = [
    "click",  # the first that takes long
    pytest.param("themis.cli.main", marks=pytest.mark.slow),
    pytest.param("themis.cli.terminal.output", marks=pytest.mark.slow),
    "themis.cli.costs",  # by the module of the command
    "themis.core.experiment",  # once the command has begun
    pytest.param("pydantic", marks=pytest.mark.slow),
    "callback",
]


def interrupted_at(moment: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an experiment in a process that gets SIGINT at a moment."""
    (folder / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    (folder / "experiment.yaml").write_text(CONFIG, encoding="utf-8")
    path = os.pathsep.join([str(folder), str(PROJECT), str(PROJECT / "workers")])
    return subprocess.run(
        [sys.executable, "-m", "themis", "run", "experiment.yaml"],
        cwd=folder,
        env={**os.environ, "INTERRUPT_AT": moment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        # A shell that starts something in the background may have told it to ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.few(2)
@pytest.mark.parametrize("moment", MODULES)
def test_an_interrupt_while_the_command_loads_is_one_line(moment: str, tmp_path: Path) -> None:
    done = interrupted_at(moment, tmp_path)
    assert (done.stderr, done.returncode, done.stdout) == ("themis: interrupted\n", 130, "")


def test_an_interrupt_while_the_interpreter_shuts_down_is_one_line_too(tmp_path: Path) -> None:
    done = interrupted_at("end", tmp_path)
    assert (done.stderr, done.returncode) == ("themis: interrupted\n", 130)
    assert done.stdout.startswith('{"run_id":')


@pytest.mark.slow
def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    (tmp_path / "experiment.yaml").write_text(CONFIG, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(PROJECT), str(PROJECT / "workers")])
    done = subprocess.run(
        [sys.executable, "-m", "themis", "run", "experiment.yaml"],
        cwd=tmp_path,
        env={**os.environ, "INTERRUPT_AT": "click", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert (done.returncode, done.stderr) == (0, "")
