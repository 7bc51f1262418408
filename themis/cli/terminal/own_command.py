"""Parts of a command line that work where this process was started, for commands that are printed."""

import os
import shlex
import shutil
import sys
from pathlib import Path

_NAME = "themis"


def own_command() -> str:
    """`themis` where a shell finds this program by its name; else its path, or the call of Python that started it."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py" and started.parent.name in {"themis", "cli"}:
        return f"{shlex.quote(sys.executable)} -m themis"
    if started.name != _NAME:
        return _NAME  # another program calls the commands
    found = shutil.which(_NAME)
    if found is not None and os.path.realpath(found) == os.path.realpath(started):
        return _NAME
    return shlex.quote(str(started))


def from_here(path: Path | str) -> str:
    """Return a path as it is named in the current folder: relative if it is inside."""
    here, named = Path.cwd(), Path(path)
    return str(named.relative_to(here) if named.is_relative_to(here) else path)
