"""Limits of a process on writing and opening files, which an experiment's code can set, and use up, for itself.

Code that grades a model's output has good reason to limit itself first. But then a write of the process that stores
results fails, too, as on a broken disk, although the disk is fine and the next attempt would end in the same way.
"""

import errno
import os
import sys

if sys.platform != "win32":
    import resource

    _WATCHED = {"RLIMIT_FSIZE": resource.RLIMIT_FSIZE, "RLIMIT_NOFILE": resource.RLIMIT_NOFILE}


class SelfImposedLimits:
    """The limits that this process had when this object was created."""

    def __init__(self) -> None:
        """Read the current limits."""
        self._before = _limits()

    def why_not(self) -> str | None:
        """Return why this process can write less than before, if code that ran in it is the reason; else None."""
        for name, now in _limits().items():
            if _is_lower(now, self._before[name]):
                return f"the experiment has set {name} to {now:,} for its own process"
        return "the experiment has left too many files open" if _is_out_of_files() else None

    def restore(self) -> None:
        """Restore the limits as far as this process is allowed to."""
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
    return float("inf") if limit < 0 else limit  # a negative number means that there is no limit


def _is_out_of_files() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno == errno.EMFILE
    return False
