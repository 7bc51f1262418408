"""The screens of the commands that show tables, at each width."""

import os
import pwd
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.screens.busy_lab import BASELINE, CANDIDATE, BusyLab
from tests.screens.pseudo_terminal import shown

WIDTHS = (40, 60, 80, 100, 200)
FOLDER = Path(__file__).parent / "captured"
ZONE = "Europe/Berlin"
_HOME = "/home/me/evals"

COMMANDS = {
    "status": ("status",),
    "status-of-one": ("status", "name:two-cases-fail"),
    "queue-list": ("queue", "list"),
    "queue-show": ("queue", "show", "name:licence-server-is-down"),
    "watch": ("queue", "watch", "--once"),
    "list": ("list",),
    "compare": ("compare", BASELINE, CANDIDATE, "--flips", "3"),
    "doctor": ("queue", "doctor"),
    "run": ("run", "--config", "candidate.yaml"),
    "worker-list": ("worker", "list"),
}


class Screen(NamedTuple):
    """A screen: the name of what is shown, the width of the terminal, and the lines as they were written."""

    name: str
    width: int
    lines: list[str]


def screens(folder: Path) -> Iterator[Screen]:
    """Fill a folder, and yield each command's screen at each width."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = ZONE
    time.tzset()
    try:
        lab = BusyLab(folder)
        with lab.at_work():
            (folder / "runs/queue/queued/notes.txt").write_text("a file of somebody", encoding="utf-8")
            ended = next((folder / "runs/queue/failed").iterdir())
            ended.unlink()
            for name, words in COMMANDS.items():
                for width in WIDTHS:
                    yield Screen(name, width, shown(words, folder, width))
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def write(screen: Screen, lab_folder: Path) -> None:
    """Keep a screen as a file, without what belongs to this machine alone."""
    text = "\n".join(screen.lines).replace(str(lab_folder), _HOME)
    text = text.replace(f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}", "me@desk")
    text = re.sub(rf"\b{re.escape(socket.gethostname())}\b *", lambda found: "desk".ljust(len(found[0])), text)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{screen.name}-{screen.width:03d}.txt").write_text(f"{text.rstrip()}\n", encoding="utf-8")
