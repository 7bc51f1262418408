"""Everything at once: processes struck, commands killed, system calls failing, bad files, a disk that fills.

A storm's queue and store lie on a small disk, if one can be mounted here. Daemons work it off while commands change it.
When it is over the disk has room, nothing fails any more, and what was promised is looked at.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.processes import storm_commands
from tests.processes.crash_points import context
from tests.processes.storm_promise import ENDED, Counts, check
from tests.processes.worker_world import REPOSITORY
from tests.support.hostile_manifests import hostile
from tests.support.waiting import until
from themis.core.queue.model.layout import parse

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

DISK_MB = 32
DAEMONS = 3
COMMANDS_AT_ONCE = 4
PATIENCE_S = 300.0
_STRUCK = {
    "themis-job": "job",
    "themis-slot": "supervisor",
    "themis-forksrv": "fork server",
    "themis-guardian": "guardian",
}
_BLOWS = (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)

# Read by every interpreter that is started with this folder on its path; forked jobs inherit what it sets.
FAULTS = """
import os, random, sqlite3
from pathlib import Path
home = Path(os.environ["STORM_HOME"])
chance = random.Random(os.getpid())
from themis.core import durable_files
from tests.processes.storm_commands import fault

def observe(kind, *facts):
    if chance.random() < 0.01 and (home / "faults").exists():
        with open(home / "injected", "a") as told:
            told.write(kind + chr(10))
        raise fault(kind, chance)

durable_files.set_observer(observe)
"""


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A filesystem of a few MB in a new folder, where that can be; whether it is one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "themis-storm", str(folder)]
    is_possible = os.geteuid() == 0 and shutil.which("mount") is not None
    is_small = is_possible and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield is_small
    finally:
        if is_small:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607  # as `mount` was found


class Storm:
    """A queue on `disk` that is worked off, and everything that happens to it."""

    def __init__(self, home: Path, disk: Path, counts: Counts, *, is_small: bool) -> None:
        """`home` is where the experiments' module and all notes lie, which never fails."""
        self.home = home
        self.disk = disk
        self.queue_root = disk / "queue"
        self.counts = counts
        self._is_small = is_small
        self._chance = random.Random(counts.seed)
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._log = (home / "daemons.log").open("ab")
        self._number = 0
        self._hostile: list[bytes] = []
        self._asking: list[tuple[storm_commands.Order, BaseProcess]] = []
        self.dropped: set[str] = set()
        self._full_until = 0.0

    def blow(self, seconds: float) -> None:
        """Let it rage for so many seconds, then let all that is left be worked off in peace."""
        (self.home / "watched.py").write_text(storm_commands.MODULE)
        (self.home / "sitecustomize.py").write_text(FAULTS)
        for _ in range(16):
            self._command("submit", unharmed=True)
        (self.home / "faults").touch()
        began_s = time.monotonic()
        try:
            self._daemons = [self._start() for _ in range(DAEMONS)]
            while time.monotonic() - began_s < seconds:
                self._happen()
            self._calm()
        finally:
            self._kill_daemons()
        self.counts.seconds += time.monotonic() - began_s

    # --- what happens

    def _happen(self) -> None:
        kind = self._chance.choices(
            (self._strike, self._command, self._bad_file, self._swap, self._fill), (30, 45, 22, 12, 2)
        )[0]
        kind()
        self._mend()
        time.sleep(self._chance.uniform(0.0, 0.05))

    def _strike(self) -> None:
        blow = self._chance.choice(_BLOWS)
        tree = [(process.pid, "daemon") for process in self._daemons] + list(_processes(self.home))
        pid, name = self._chance.choice(tree)
        self.counts.done[f"strike: {blow.name} {name}"] += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, blow)
            if blow is signal.SIGSTOP:
                time.sleep(self._chance.choice((0.05, 0.2, 0.8)))
                os.kill(pid, signal.SIGCONT)

    def _command(self, name: str | None = None, *, unharmed: bool = False) -> None:
        """One command: left alone, killed at one of its steps, or with one of its steps failing."""
        name = name or self._chance.choice(storm_commands.NAMES)
        harm = "none" if unharmed else self._chance.choice(("none", "kill", "kill", "kill", "fail"))
        self._number += 1
        order = storm_commands.Order(
            name, harm, self._chance.randrange(80), self._chance.randrange(2**31), self._number
        )
        child = context().Process(target=storm_commands.carry_out, args=(str(self.home), str(self.disk), order))
        child.start()
        self._asking.append((order, child))
        self._hear(most=0 if unharmed else COMMANDS_AT_ONCE)
        told = {"none": "command", "kill": "command killed", "fail": "command with a failing system call"}[harm]
        self.counts.done[f"{told}: {name}"] += 1

    def _hear(self, most: int) -> None:
        """Have no more than `most` commands run: those that were begun first end."""
        while len(self._asking) > most:
            order, child = self._asking.pop(0)
            child.join(60.0)
            assert child.exitcode in {0, -signal.SIGKILL}, f"{order}: {child.exitcode}; see {self.home}/errors"
            child.close()

    def _bad_file(self) -> None:
        if not self._hostile:
            good = next(iter(self._files("done", "queued")), None)
            if good is None:
                return
            with contextlib.suppress(OSError, ValueError):
                self._hostile = [text for _, text in hostile(json.loads(good.read_text()))]
                self._chance.shuffle(self._hostile)
            return
        folder = self._chance.choice(("queued", "queued", "queued", "waiting", "claimed"))
        now = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "000000000Z"
        key = f"{self._chance.randrange(2**64):016x}"
        name = {"queued": f"0-{now}-{key}", "waiting": f"{now}-0-{key}", "claimed": f"{key}.1.{key}"}[folder]
        with contextlib.suppress(OSError):
            self.dropped.add(key)
            (self.queue_root / folder / f"{name}.json").write_bytes(self._hostile.pop())
            self.counts.done[f"hostile manifest in {folder}/"] += 1

    def _swap(self) -> None:
        """Put something else in the place of a job's file: another's, a link, a folder, half of it, nothing."""
        files = self._files("queued", "waiting", "claimed", "done")
        if not files:
            return
        victim, other = self._chance.choice(files), self._chance.choice(files)
        how = self._chance.choice(("another's content", "a link", "a folder", "half of it", "nothing"))
        with contextlib.suppress(OSError):
            text = victim.read_bytes()
            if how == "another's content":
                victim.write_bytes(other.read_bytes())
            elif how == "half of it":
                victim.write_bytes(text[: len(text) // 2])
            else:
                victim.unlink()
                if how == "a link":
                    victim.symlink_to(other)
                elif how == "a folder":
                    victim.mkdir()
            self.counts.done[f"file swapped for {how}"] += 1

    def _fill(self) -> None:
        """Have the disk be full for a while."""
        if not self._is_small or self._full_until:
            return
        with contextlib.suppress(OSError), (self.disk / "filler").open("ab", buffering=0) as file:
            for size in (1_048_576, 4_096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
        self._full_until = time.monotonic() + self._chance.choice((0.3, 1.0, 3.0))
        self.counts.done["disk filled"] += 1

    def _mend(self) -> None:
        if self._full_until and time.monotonic() >= self._full_until:
            (self.disk / "filler").unlink(missing_ok=True)
            self._full_until = 0.0
        for number, process in enumerate(self._daemons):
            code = process.poll()
            if code is not None:
                self.counts.exits[code] += 1
                self._daemons[number] = self._start()

    # --- and then

    def _calm(self) -> None:
        (self.home / "faults").unlink()
        self._full_until = time.monotonic() if self._full_until else 0.0
        self._mend()
        deadline_s = time.monotonic() + PATIENCE_S
        while self._unfinished() and time.monotonic() < deadline_s:
            self._command("doctor", unharmed=True)
            self._mend()
            time.sleep(1.0)
        for process in self._daemons:
            process.send_signal(signal.SIGTERM)
        for process in self._daemons:
            process.wait(60)
        self._command("doctor", unharmed=True)
        injected = self.home / "injected"
        if injected.exists():
            for kind, count in Counter(injected.read_text().split()).items():
                self.counts.done[f"system call failed in a daemon or a job: {kind}"] += count

    def _unfinished(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.disk / "themis.sqlite3", timeout=60)) as store:
            rows: list[tuple[str, str]] = store.execute("SELECT key, state FROM jobs").fetchall()
        return [row for row in rows if row[1] not in ENDED]

    def _kill_daemons(self) -> None:
        for process in self._daemons:
            process.kill()
            process.wait()
        self._log.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "themis", "worker", "--queue-root", str(self.queue_root)]
        options = ["--slots", "2", "--grace", "0.5", "--job-grace", "1", "--min-free-mb", "0"]
        environment = {
            **os.environ,
            "STORM_HOME": str(self.home),
            "STORM_STORE": str(self.disk / "themis.sqlite3"),
            "PYTHONPATH": f"{REPOSITORY}:{self.home}",
        }
        return subprocess.Popen([*command, *options], stderr=self._log, env=environment, cwd="/")

    def _files(self, *folders: str) -> list[Path]:
        paths = [path for folder in folders for path in (self.queue_root / folder).iterdir()]
        return [
            path for path in paths if parse(path.parent.name, path.name) and path.is_file() and not path.is_symlink()
        ]


def _processes(home: Path) -> Iterator[tuple[int, str]]:
    """The processes of the daemons' trees, each with what it is."""
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            name = _STRUCK.get((path / "comm").read_text().strip()) if path.name.isdecimal() else None
            if name is not None and str(home).encode() in (path / "environ").read_bytes():
                yield int(path.name), name


def run(folder: Path, seconds: float, seed: int) -> Counts:
    """A storm in a new folder, and what was promised looked at after it."""
    counts, home = Counts(seed), folder / "home"
    home.mkdir(parents=True)
    with small_disk(folder / "disk") as is_small:
        if not is_small:
            counts.done["disk never filled: nobody may mount a small one here"] += 1
        storm = Storm(home, folder / "disk", counts, is_small=is_small)
        storm.blow(seconds)
        until(lambda: not list(_processes(home)), "all processes to be gone", 30.0)
        check(home, folder / "disk", storm.dropped, counts)
    return counts
