"""Storms: everything that can happen to a queue, all at once, and nothing is lost, ended twice or committed twice."""

import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.processes import chaos, storm
from tests.processes.storm_promise import Counts
from tests.processes.test_two_hosts_chaos import try_two_hosts
from tests.processes.test_worker_chaos import SHORT, one_host

LONGEST_STORM_S = 180.0


def tell(capsys: pytest.CaptureFixture[str], counts: Counts) -> None:
    with capsys.disabled():
        print("".join(f"\n  {line}" for line in counts.lines()), end="")  # noqa: T201  # evidence


@pytest.mark.slow
def test_a_storm_in_which_a_disk_fills_loses_nothing(
    tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(capsys, storm.run(tmp_path, 15.0 if short else 90.0, random.randrange(10**6)))


@pytest.mark.soak
def test_round_after_round_of_storms_nothing_is_lost_or_repeated(
    tmp_path: Path, soak_seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """A round is a storm, the same experiments calm and struck, row by row, and two hosts that share no locks."""
    until_s, total = time.monotonic() + soak_seconds, Counter[str]()
    number = 0
    while number == 0 or time.monotonic() < until_s:
        number += 1
        seed, folder = random.randrange(10**6), tmp_path / f"round-{number}"
        counts = storm.run(folder / "storm", min(LONGEST_STORM_S, soak_seconds / 2), seed)
        total.update(counts.done)
        total.update({f"jobs: {state}": count for state, count in counts.states.items()})
        total.update({f"attempts: {cause}": count for cause, count in counts.causes.items()})
        told = chaos.Told(seed)
        (folder / "chaos").mkdir()
        one_host(folder / "chaos", SHORT, told)
        total.update({f"strike, calm run equalled: {blow}": count for blow, count in told.blows.items()})
        (folder / "hosts").mkdir()
        hosts = try_two_hosts(folder / "hosts", 60, 24, seed)
        total.update({f"two hosts: {what}": count for what, count in hosts.items()})
        shutil.rmtree(folder)
        tell(capsys, counts)
    with capsys.disabled():
        print(f"\n\n  {number} rounds; in all:")  # noqa: T201  # evidence
        for name, count in sorted(total.items()):
            print(f"  {count:7,} {name}")  # noqa: T201
