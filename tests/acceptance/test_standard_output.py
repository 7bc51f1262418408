"""Standard output is for the one result: whatever components do, it is there, whole and alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_here import done_here
from themis import Experiment

COMPONENTS = """
import contextlib, ctypes, io, os, subprocess, sys
from themis.core.models import Score

print("printed when imported")

def deeds():
    yield "print", lambda: print("noise")
    yield "descriptor", lambda: os.write(1, b"noise\\n")
    yield "program", lambda: subprocess.run(["echo", "noise"])
    yield "library", lambda: ctypes.CDLL(None).puts(b"noise") and ctypes.CDLL(None).fflush(None)
    yield "silenced", lambda: setattr(sys, "stdout", open(os.devnull, "w"))
    yield "none", lambda: (setattr(sys, "stdout", None), setattr(sys, "stderr", None))
    yield "closed", lambda: (sys.stdout.close(), sys.stderr.close())
    yield "descriptors closed", lambda: (os.close(1), os.close(2))
    yield "redirected", lambda: contextlib.redirect_stdout(io.StringIO()).__enter__()
    yield "original", lambda: print("noise", file=sys.__stdout__, flush=True)

class Metric:
    component_id = "lab/metric"
    version = "1"
    def fingerprint(self):
        return "1"
    def score(self, parsed, case, ctx):
        dict(deeds())[case.case_id]()
        return Score(metric_id=self.component_id, value=1.0)
"""
NOISY = ("print", "descriptor", "program", "library", "original")
DEEDS = (*NOISY, "silenced", "none", "closed", "descriptors closed", "redirected")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lab.py").write_text(COMPONENTS)
    return tmp_path


def config(folder: Path, *deeds: str) -> Path:
    document = {
        "generation": {"generator": "builtin/demo_generator"},
        "evaluation": {"metrics": ["lab:Metric"]},
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "d", "cases": [{"case_id": deed, "input": "x"} for deed in deeds]}],
    }
    path = folder / f"{deeds[0].replace(' ', '-')}.yaml"
    path.write_text(json.dumps(document))
    return path


def themis(*words: object, shell: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "themis", *map(str, words)]
    if shell:
        command = ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS[len(NOISY) :])
def test_what_a_component_does_to_the_streams_takes_nothing_from_the_result(folder: Path, deed: str) -> None:
    done = themis("run", "--quiet", "--config", config(folder, deed))
    assert json.loads(done.stdout)["metric_means"] == {"lab/metric": 1.0}
    assert done.returncode == 0


def test_what_is_printed_in_whatever_way_goes_to_standard_error(folder: Path) -> None:
    done = themis("run", "--quiet", "--config", config(folder, *NOISY))
    assert json.loads(done.stdout)["metric_means"] == {"lab/metric": 1.0}
    assert done.stderr.count("noise") == len(NOISY)
    assert "printed when imported" in done.stderr


@pytest.mark.few(2)
@pytest.mark.parametrize("command", [("config", "validate"), ("estimate",), ("submit",), ("quickcheck",), ("report",)])
def test_every_command_that_imports_components_prints_its_object_alone(
    folder: Path, command: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    file = config(folder, "print")
    if command[0] in {"quickcheck", "report"}:
        done_here(folder, ["run", "--quiet", "--config", str(file)], capfd)
    done = done_here(folder, [*command, "--config", str(file)], capfd)
    assert done.code == 0
    assert isinstance(json.loads(done.out), dict)
    assert "printed when imported" in done.err


@pytest.mark.slow
def test_a_job_of_the_queue_prints_beside_the_object_too(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert done_here(folder, ["submit", "--config", str(config(folder, *NOISY))], capfd).code == 0
    done = themis("worker", "run", "--quiet", "--queue-root", folder / "runs" / "queue")
    assert json.loads(done.stdout)["status"] == "completed"
    assert done.stderr.count("noise") == len(NOISY)


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        (">&-", 2, "themis: error: standard output is closed"),
        (">/dev/full", 4, "themis: error: standard output cannot be written: No space left on device"),
    ],
)
@pytest.mark.slow
def test_output_that_cannot_be_printed_is_said_in_a_line(folder: Path, shell: str, code: int, said: str) -> None:
    done = themis("run", "--quiet", "--config", config(folder, "silenced"), shell=shell)
    assert done.returncode == code
    assert done.stderr.count("\n") <= 2
    assert said in done.stderr
    assert (folder / "runs").exists() == (code == 4)  # closed output is refused before anything is run


@pytest.mark.slow
def test_a_reader_that_goes_away_before_the_result_is_said(folder: Path) -> None:
    command = [sys.executable, "-m", "themis", "run", "--quiet", "--config", str(config(folder, "silenced"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "the reader of standard output is gone: the result was not printed" in process.stderr.read()
        assert process.wait(60) == 141


def test_a_program_of_which_a_run_is_a_part_keeps_its_own_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "lab", raising=False)
    Experiment.from_config(config(folder, "print")).run()
    del sys.modules["lab"]
    assert capfd.readouterr().out == "printed when imported\nnoise\n"
