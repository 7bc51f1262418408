"""What a process may write and open: limits that the code of an experiment can set, and use up, for itself.

Code that grades what a model wrote does well to limit itself first. In the process that keeps results, too, a write
then fails as it does on a broken disk; but the disk is well, and the next attempt would end in the same way.
"""

import errno
import os
import sys

if sys.platform != "win32":
    import resource

    _WATCHED = {"RLIMIT_FSIZE": resource.RLIMIT_FSIZE, "RLIMIT_NOFILE": resource.RLIMIT_NOFILE}


class ProcessLimits:
    """The limits that this process had when this was made."""

    def __init__(self) -> None:
        """Look at them."""
        self._before = _limits()

    def why_not(self) -> str | None:
        """Why this process can write less than it could, if code that ran in it is the reason; None when it is not."""
        for name, now in _limits().items():
            if _is_lower(now, self._before[name]):
                return f"the experiment has set {name} to {now:,} for its own process"
        return "the experiment has left too many files open" if _is_out_of_files() else None

    def restore(self) -> None:
        """Set the limits back, as far as this process may."""
        for name, before in self._before.items():
            number = _WATCHED[name]
            now, most = resource.getrlimit(number)
            if _is_lower(now, before):
                try:
                    resource.setrlimit(number, (before, max(before, most, key=_size)))
                except (OSError, ValueError):
                    resource.setrlimit(number, (most, most))


def _limits() -> dict[str, int]:
    return {} if sys.platform == "win32" else {name: resource.getrlimit(no)[0] for name, no in _WATCHED.items()}


def _is_lower(now: int, before: int) -> bool:
    return _size(now) < _size(before)


def _size(limit: int) -> float:
    return float("inf") if limit < 0 else limit  # what is no limit is told by a negative number


def _is_out_of_files() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno == errno.EMFILE
    return False
