"""Commands done in this process, with a pseudo-terminal as their standard output and standard error."""

import os
import pty
import re
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from unittest import mock

from themis.cli.main import main

LINES = 50
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def shown(words: Sequence[str], folder: Path, columns: int) -> list[str]:
    """The lines that a command writes to a terminal so wide, each as long as it was written, without colours."""
    return plain(written(words, folder, columns))


def plain(text: str) -> list[str]:
    """The lines of what was written to a terminal, without colours."""
    return [line.rstrip() for line in _STYLE.sub("", text).replace("\r\n", "\n").splitlines()]


def written(words: Sequence[str], folder: Path, columns: int) -> str:
    """All that a command writes to a terminal so wide, in a folder."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (LINES, columns))
    parts: list[bytes] = []
    reader = threading.Thread(target=_read, args=(ours, parts), daemon=True)
    reader.start()
    with _as_a_user(folder, theirs):
        main(list(words))
    os.close(theirs)
    reader.join(10.0)
    os.close(ours)
    return b"".join(parts).decode()


@contextmanager
def _as_a_user(folder: Path, terminal: int) -> Iterator[None]:
    """In a folder, with a terminal, and with nothing that changes how things look."""
    found = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    output, path = sys.stdout, sys.path[:]
    complaints = sys.stderr
    with (
        chdir(folder),
        mock.patch.dict(os.environ, {**found, "TERM": "xterm"}, clear=True),
        open(terminal, "w", encoding="utf-8", closefd=False, buffering=1) as out,
        open(terminal, "w", encoding="utf-8", closefd=False, buffering=1) as err,
    ):
        sys.stdout, sys.stderr = out, err
        try:
            yield
        finally:
            sys.stdout, sys.stderr = output, complaints
            sys.path[:] = path


def _read(terminal: int, parts: list[bytes]) -> None:
    """Take in what is written until the other end is closed, which Linux tells by an error."""
    try:
        while part := os.read(terminal, 65_536):
            parts.append(part)
    except OSError:
        return
