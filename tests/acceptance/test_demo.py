"""The first thing that a newcomer types."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_here import done_here


def demo(folder: Path) -> list[str]:
    """Lines that `themis demo` prints in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "themis", "demo"], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def scores(lines: list[str]) -> dict[str, tuple[float, int, int, int]]:
    """The table: accuracy in percent, and how many cases of each model are scored, have no answer, failed."""
    start = next(number for number, line in enumerate(lines) if line.split()[:2] == ["model", "accuracy"])
    rows = [line.split() for line in lines[start + 1 : start + 4]]
    assert all(row[3] == "to" for row in rows), "the interval stands beside the mean"
    return {row[0]: (float(row[1].rstrip("%")), int(row[5]), int(row[6]), int(row[7])) for row in rows}


@pytest.mark.slow
def test_the_demo_runs_models_through_the_queue_and_says_who_wins_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = demo(tmp_path)
    found = scores(first)
    assert list(found) == ["sage", "scout", "sprout"]
    accuracies = [accuracy for accuracy, *_ in found.values()]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(set(accuracies)) == 3
    assert {(scored, failed) for _, scored, _, failed in found.values()} == {(300, 0)}
    assert found["sprout"][2] > 0, "the worst gives up now and then, which counts as wrong"
    assert sum(line.startswith("   worker ") for line in first) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert len(list((tmp_path / "demo/runs/queue/done").iterdir())) == 3

    again = demo(tmp_path)
    assert scores(again) == found
    assert sum(line.startswith("   worker ") for line in again) == 3

    words = next(line for line in again if "themis report" in line).partition("themis report")[2].split()
    report = done_here(tmp_path, ["report", *words], capsys)
    assert report.out.startswith("# Run Report\n"), report.err
