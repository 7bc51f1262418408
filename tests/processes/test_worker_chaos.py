"""Whatever is killed, suspended or told to end, and when: the results are those of a calm run, row by row."""

import functools
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import chaos
from tests.processes.chaos import Size, Told

FULL = Size(experiments=300, cases=40, blows=60, seconds_a_case=0.15)
SHORT = Size(experiments=60, cases=12, blows=12, seconds_a_case=0.3, blow_pause_s=0.3)
LEASE_S = 3.0
BINDFS = shutil.which("bindfs")
UMOUNT = shutil.which("umount") or "umount"


def tell(capsys: pytest.CaptureFixture[str], told: Told, size: Size, daemons: int) -> None:
    with capsys.disabled():
        print("".join(f"\n  {line}" for line in chaos.report(told, size, daemons)), end="")  # noqa: T201  # evidence


def one_host(folder: Path, size: Size, told: Told) -> None:
    """Four daemons on one queue."""
    home, queue_root = folder / "storm", folder / "storm" / "queue"
    home.mkdir()
    chaos.submit_all(home, queue_root, size)
    launch = functools.partial(chaos.daemon_command, queue_root)
    chaos.storm(home, queue_root, [launch] * 4, size, told)
    chaos.calm_run(folder / "calm", size)
    chaos.check(home, folder / "calm", queue_root, told)


@pytest.mark.slow
def test_four_daemons_that_are_struck_at_random_lose_nothing_and_repeat_nothing(
    tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    size, told = SHORT if short else FULL, Told(seed=random.randrange(10**6))
    one_host(tmp_path, size, told)
    tell(capsys, told, size, 4)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[list[Path]]:
    """One folder, mounted twice, so that the locks of one are not seen in the other."""
    if BINDFS is None:
        pytest.skip("bindfs is not installed")
    if os.geteuid() != 0:
        pytest.skip("another host name needs root")
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    found = [tmp_path / "seen-by-a", tmp_path / "seen-by-b"]
    try:
        for mount in found:
            mount.mkdir()
            done = subprocess.run([BINDFS, str(real), str(mount)], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"FUSE cannot be used here: {done.stderr.strip()}")
        yield found
    finally:
        for mount in found:
            subprocess.run([UMOUNT, "-l", str(mount)], capture_output=True, check=False)


def on_host(name: str, queue_root: Path) -> list[str]:
    """A daemon in a world where the machine is called `name`."""
    command = chaos.daemon_command(queue_root)
    return ["unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$@"', "sh", *command]


@pytest.mark.slow
def test_two_hosts_whose_locks_do_not_reach_each_other_lose_nothing_and_repeat_nothing(
    tmp_path: Path, mounts: list[Path], short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    size, told = SHORT if short else FULL, Told(seed=random.randrange(10**6))
    home = tmp_path / "storm"
    home.mkdir()
    roots = [mount / "queue" for mount in mounts]
    chaos.submit_all(home, roots[0], size)
    file = roots[0] / "queue.json"
    document = json.loads(file.read_text())
    assert document["shared"] is True
    file.write_text(json.dumps(document | {"lease_s": LEASE_S}))
    launches = [functools.partial(on_host, f"host-{'ab'[number % 2]}", roots[number % 2]) for number in range(4)]
    chaos.storm(home, roots[0], launches, size, told)
    chaos.calm_run(tmp_path / "calm", size)
    chaos.check(home, tmp_path / "calm", roots[0], told)
    tell(capsys, told, size, 4)
