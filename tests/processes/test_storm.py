"""Storms: everything that can happen to a queue, all at once, and nothing is lost, ended twice or committed twice."""

import random
from pathlib import Path

import pytest

from tests.processes import storm


def tell(capsys: pytest.CaptureFixture[str], counts: storm.Counts) -> None:
    with capsys.disabled():
        print("".join(f"\n  {line}" for line in counts.lines()), end="")  # noqa: T201  # evidence


@pytest.mark.slow
def test_a_storm_in_which_a_disk_fills_loses_nothing(
    tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(capsys, storm.run(tmp_path, 15.0 if short else 90.0, random.randrange(10**6)))
