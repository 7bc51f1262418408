"""The example package: built into a wheel, installed beside Themis, used from a file, a command line and workers."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[2]
EXAMPLE = TOP / "docs" / "examples" / "mylab"
METRIC = "mylab/within"

Run = Callable[..., Any]


def _pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install here: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs `themis` of a fresh environment with the packages of this one, and both wheels, in a folder of its own."""
    folder = tmp_path_factory.mktemp("example")
    wheels, work = folder / "wheels", folder / "work"
    work.mkdir()
    for source in (TOP, EXAMPLE):
        _pip("wheel", "--no-deps", "--wheel-dir", wheels, source)
    venv.create(folder / "fresh", with_pip=False, symlinks=True)
    python = folder / "fresh" / "bin" / "python"
    _pip("--python", python, "install", "--no-deps", "--no-index", *sorted(wheels.glob("*.whl")))
    # What Themis needs comes from here: a package that is installed there is found first.
    (site,) = (folder / "fresh" / "lib").glob("python*/site-packages")
    (site / "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    (work / "experiment.yaml").write_text((EXAMPLE / "experiment.yaml").read_text())
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def themis(*words: str, code: int = 0) -> Any:
        command = [str(python), "-m", "themis", *words]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 and done.stdout.strip() else done.stderr

    return themis


def test_its_components_are_listed_with_their_kinds_and_where_they_come_from(run: Run) -> None:
    listed = {one["id"]: one for one in run("catalog", "list", "--components")["components"]}
    found = {name: (one["kind"], one["version"]) for name, one in listed.items() if not one["built_in"]}
    assert found == {
        "mylab/adder": ("generator", "1"),
        "mylab/last_word": ("parser", "1"),
        METRIC: ("metric", "1"),
        "mylab/sums": ("dataset", None),
    }
    assert listed[METRIC]["distribution"] == "mylab-evals"
    assert listed[METRIC]["distribution_version"] == "1.2.0"
    assert listed[METRIC]["path"] == "mylab_evals.metrics:Within"
    assert listed["builtin/text"]["built_in"]


def test_it_is_used_from_a_file_and_a_worker_comes_to_the_same(run: Run) -> None:
    submitted = run("submit", "--config", "experiment.yaml", "--mode", "worker-pool")
    manifest = json.loads(Path(submitted["manifest_path"]).read_text())
    assert manifest["distributions"] == {"mylab-evals": "1.2.0"}
    run("worker", "start", "--drain", "--slots", "1")
    (row,) = run("status", "--json")
    assert (row["state"], row["completed_cases"], row["metric_means"]) == ("completed", 5, {METRIC: 1.0})
    again = run("run", "--config", "experiment.yaml", "--set", "storage.parameters.path=other.sqlite3")
    assert (again["run_id"], again["metric_means"]) == (submitted["run_id"], {METRIC: 1.0})
    queued = run("submit", "--config", "experiment.yaml", "--mode", "worker-pool", "--set", "datasets.0.with.count=9")
    assert run("worker", "run")["run_id"] == queued["run_id"] != submitted["run_id"]


def test_it_is_used_from_the_command_line(run: Run) -> None:
    words = ("--model", "mylab/adder", "--parser", "mylab/last_word", "--metric", METRIC)
    right = run("quick-eval", "inline", "--input", "2 + 3", "--expected-output", "5", *words)
    assert right["metric_means"] == {METRIC: 1.0}
    wrong = run("quick-eval", "inline", "--input", "2 + 3", "--expected-output", "6", *words)
    assert wrong["metric_means"] == {METRIC: 0.0}
    said = run("quick-eval", "inline", "--input", "2 + 3", "--expected-output", "5", "--metric", "mylab/withn", code=2)
    assert "no component 'mylab/withn'; did you mean \"mylab/within\"?" in said
