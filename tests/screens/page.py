"""From screens to a page: what differs from one session to the next is replaced, each thing by the same as before."""

import hashlib
import os
import pwd
import re
import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

from tests.screens.session import Screen

_HOME, _HOST, _USER = "/home/me/evals", "desk", "me"
_NINE_O_CLOCK = datetime(2027, 1, 4, 9, tzinfo=UTC)

_KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:[0-9a-f]{8})?(?![0-9a-f])")
_TIME = re.compile(
    r"(?:(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)(?P<between>[ T]))?"
    r"(?<!\d)(?P<hour>\d\d):?(?P<minute>\d\d):?(?P<second>\d\d)(?=[.Z\d]|  | UTC)"
)
_PID = re.compile(rf"(?<={_HOST} )(?P<gap> +)(?P<pid>\d+)(?=  )")
_CLOCK = re.compile(r"(?<=, at )(\d\d):(\d\d)(?= UTC)")

_HEAD = """\
# A terminal session

Two workers, five experiments, and what you can do with them: submit, watch, cancel, pause, resume, retry, stop. Every
screen below was captured from a real session; `make screens` in a clone runs a new one, and writes this page again.
Only names, process numbers, keys and the date are replaced by made-up ones.

The folder holds five config files, `sage.yaml` to `sprout.yaml`. Each names a simulated model that answers 240 word
problems, four at a time, in about ten seconds. (`themis demo` creates a folder like it.) Now and then a model gives no
number; such a case [counts as wrong](../explanation/no-answer.md), and their number is shown beside the score.
"""
_TAIL = """\
[Commands](../reference/commands.md) says what else each command can do, and [Workers](../reference/workers.md) what
workers are.
"""


class Disguise:
    """Replaces what belongs to one machine and one moment, by something of the same length where it can."""

    def __init__(self, folder: Path) -> None:
        """For a session in `folder`; it begins at the first time that is read."""
        self._folder = str(folder)
        self._shift: timedelta | None = None
        self._keys: dict[str, str] = {}
        self._pids: dict[str, str] = {}

    def __call__(self, line: str) -> str:
        """The line, disguised."""
        line = line.replace(self._folder, _HOME)
        line = _TIME.sub(self._time, line)
        line = _CLOCK.sub(self._clock, line)
        line = _KEY.sub(lambda found: self._key(found[0]), line)
        line = line.replace(f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}", f"{_USER}@{_HOST}")
        line = re.sub(rf"(?<= ){re.escape(socket.gethostname())}  +", self._host, line)
        return _PID.sub(lambda found: found["gap"] + self._pid(found["pid"]), line)

    def _key(self, key: str) -> str:
        number = len(self._keys) + 1
        other = self._keys.setdefault(key[:8], hashlib.sha256(f"job {number}".encode()).hexdigest())
        return other[: len(key)]

    def _pid(self, pid: str) -> str:
        number = str(4711 + 22 * len(self._pids))
        return self._pids.setdefault(pid, number.ljust(len(pid), "0")[: len(pid)])

    def _host(self, found: re.Match[str]) -> str:
        return _HOST.ljust(len(found[0]) - 2) + "  "

    def _time(self, found: re.Match[str]) -> str:
        """A time, of today if no date is beside it."""
        hour, minute, second = (int(found[name]) for name in ("hour", "minute", "second"))
        if found["year"] is None:
            if ":" not in found[0]:
                return found[0]
            return (
                f"{self._shifted(datetime.combine(datetime.now(UTC), clock_time(hour, minute, second), UTC)):%H:%M:%S}"
            )
        moment = datetime(int(found["year"]), int(found["month"]), int(found["day"]), hour, minute, second, tzinfo=UTC)
        form = f"%Y-%m-%d{found['between']}%H:%M:%S" if ":" in found[0] else "%Y%m%dT%H%M%S"
        return self._shifted(moment).strftime(form)

    def _shifted(self, moment: datetime) -> datetime:
        """A time as it would be if the session had begun at nine."""
        if self._shift is None:
            self._shift = _NINE_O_CLOCK - moment
        return moment + self._shift

    def _clock(self, found: re.Match[str]) -> str:
        """A time to the minute, of today; as its seconds are unknown, it may be one off."""
        moment = datetime.now(UTC).replace(hour=int(found[1]), minute=int(found[2]), second=30)
        return f"{max(moment + (self._shift or timedelta()), _NINE_O_CLOCK):%H:%M}"


def page(screens: Iterable[Screen], folder: Path, width: int) -> str:
    """The page, in Markdown; long lines are broken where the terminal would.

    Args:
        screens: of a session that has just begun.
        folder: where it takes place.
        width: of the terminal.
    """
    disguise = Disguise(folder)
    parts = [_HEAD]
    for screen in screens:
        lines = [part for line in screen.lines for part in _broken(disguise(line), width)]
        text = "\n".join(lines).removesuffix("\n$")
        parts.append(f"{screen.about}\n\n```text\n{text}\n```\n")
    return "\n".join([*parts, _TAIL])


def _broken(line: str, width: int) -> list[str]:
    return [line[start : start + width] for start in range(0, len(line), width)] or [""]
