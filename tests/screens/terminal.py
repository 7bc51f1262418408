"""A terminal with a shell in it, as somebody sits in front of it."""

import contextlib
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import pyte

PROMPT = "$ "
CTRL_C = "\x03"
PATIENCE_S = 90.0
_QUIET_S = 0.05
_HANG_UP_S = 10.0


class _Screen(pyte.Screen):
    """A screen that knows which of its rows go on from the row above, as the text was too long for it."""

    def __init__(self, columns: int, lines: int) -> None:
        self.going_on: set[int] = set()
        super().__init__(columns, lines)

    def reset(self) -> None:
        self.going_on = set()
        super().reset()

    def draw(self, data: str) -> None:
        for character in data:
            is_full = self.cursor.x == self.columns
            super().draw(character)
            if is_full:
                self.going_on.add(self.cursor.y)

    def index(self) -> None:
        if self.cursor.y == self.lines - 1:  # all scrolls up
            self.going_on = {row - 1 for row in self.going_on}
        super().index()

    def erase_in_display(self, how: int = 0, *arguments: object, **more: object) -> None:
        if how in {2, 3}:
            self.going_on = set()
        super().erase_in_display(how, *arguments, **more)


class Terminal:
    """A shell on a pseudo-terminal, and what its screen shows; a context manager that hangs up at its end.

    Attributes:
        columns: how wide it is.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], *, columns: int, lines: int) -> None:
        """A new one, in `folder`; its prompt is there when this returns."""
        self.columns = columns
        self._screen = _Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._end, its_end = pty.openpty()
        name = os.ttyname(its_end)
        termios.tcsetwinsize(self._end, (lines, columns))
        # The first terminal that the leader of a session opens becomes its own: then Ctrl-C and a hang-up work.
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", f"exec sh -i <{name} >{name} 2>&1"],
            cwd=folder,
            env={**environment, "PS1": PROMPT, "TERM": "linux", "COLUMNS": str(columns), "LINES": str(lines)},
            start_new_session=True,
        )
        self.until(self._is_idle)
        os.close(its_end)

    def __enter__(self) -> Self:
        """The terminal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Its window is closed: whatever runs in it is told so."""
        os.close(self._end)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._shell.wait(_HANG_UP_S)
        self._shell.kill()
        self._shell.wait()

    def run(self, command: str) -> None:
        """Type a command, and wait until the shell asks for the next."""
        self.begin(command)
        self.until(self._is_idle)

    def begin(self, command: str) -> None:
        """Type a command, and look on."""
        self.press(f"{command}\n")
        self.until(lambda: bool(self.text) and not self._is_idle())

    def press(self, keys: str) -> None:
        """Press keys; CTRL_C is one."""
        os.write(self._end, keys.encode())

    def clear(self) -> None:
        """Begin with an empty screen."""
        self._screen.reset()
        self.press("\n")
        self.until(self._is_idle)
        self._screen.reset()
        self._stream.feed(PROMPT.encode())

    def until(self, seen: Callable[[], bool]) -> None:
        """Look on until something is seen.

        Raises:
            TimeoutError: it is not, whatever the patience.
        """
        patient_until = time.monotonic() + PATIENCE_S
        while self._look() or not seen():
            if time.monotonic() > patient_until:
                text = "\n".join(self.text)
                message = f"after {PATIENCE_S:g} s this is still all there is:\n{text}"
                raise TimeoutError(message)

    def until_shows(self, text: str) -> None:
        """Look on until some line has this text."""
        self.until(lambda: self.shows(text))

    def shows(self, text: str) -> bool:
        """Whether some line has this text."""
        return any(text in line for line in self.text)

    @property
    def text(self) -> list[str]:
        """The lines, each whole, however often the terminal had to break it; without what is empty at the end."""
        lines: list[str] = []
        for number, row in enumerate(self._screen.display):
            if number in self._screen.going_on:
                lines[-1] += row
            else:
                lines.append(row)
        text = "\n".join(line.rstrip() for line in lines).rstrip("\n")
        return text.split("\n") if text else []

    def _is_idle(self) -> bool:
        cursor = self._screen.cursor
        return cursor.x == len(PROMPT) and self._screen.display[cursor.y].rstrip() == PROMPT.rstrip()

    def _look(self) -> bool:
        """Take in what has come; False when nothing does."""
        if not select.select([self._end], [], [], _QUIET_S)[0]:
            return False
        self._stream.feed(os.read(self._end, 65_536))
        return True
