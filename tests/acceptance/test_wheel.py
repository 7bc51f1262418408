"""What is installed from a wheel is all of Themis, and nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[2]


def pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    pip("wheel", "--no-deps", "--wheel-dir", tmp_path, TOP)
    return next(tmp_path.glob("*.whl"))


def test_a_wheel_holds_two_typed_packages_with_all_their_files_and_works_without_the_source(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packages = {name for name in names if ".dist-info/" not in name}
    source = {
        str(path.relative_to(folder))
        for folder, package in ((TOP, "themis"), (TOP / "workers", "themis_workers"))
        for path in (folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packages == source
    assert "themis/py.typed" in packages

    place = tmp_path / "installed"
    pip("install", "--no-deps", "--target", place, wheel)
    work = tmp_path / "work"
    work.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(place)}
    for words in (
        ("-c", f"import themis, workers; assert themis.__file__.startswith({str(place)!r})"),
        ("-m", "themis", "init", "--path", "."),
        ("-m", "themis", "submit", "--config", "experiment.yaml"),
        ("-m", "themis", "worker", "--drain"),
    ):
        done = subprocess.run(
            [sys.executable, *words], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert len(list((work / "runs/queue/done").iterdir())) == 1
