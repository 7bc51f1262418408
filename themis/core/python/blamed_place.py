"""Place in somebody's code that an error is blamed on: file, line and function."""

import functools
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

MOST_FRAMES = 50
"""Innermost frames of a traceback that are looked at."""

BUGS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    RecursionError,
    StopAsyncIteration,
    StopIteration,
    TypeError,
)
"""Errors that Python itself raises for wrong code, with terse messages; errors raised on purpose explain themselves."""

_MODULE = "<module>"
_INNER = "<locals>."


class Place(NamedTuple):
    """A line of code, in a function.

    Attributes:
        file: its path, as Python has it.
        line: its number, from 1.
        function: the name of the function, after that of its class; `<module>` outside of functions.
    """

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The place for messages: `generators.py:12 in Model.generate`, or `generators.py:3` outside of functions."""
        where = f"{Path(self.file).name}:{self.line}"
        return where if self.function == _MODULE else f"{where} in {self.function}"


def places_of(error: BaseException) -> list[Place]:
    """Return the places that an error came through, innermost last."""
    return list(_places(error.__traceback__))[-MOST_FRAMES:]


def blamed_place(error: BaseException) -> Place | None:
    """Return the innermost place in a user's own code; None if the error came through none but ours.

    A library's code, and Python's, only counts where no code of the user's own was on the way.
    """
    others = [place for place in places_of(error) if not is_ours(place.file)]
    own = [place for place in others if not is_installed(place.file)]
    found = own or others
    return found[-1] if found else None


def is_ours(file: str) -> bool:
    """Whether a file is part of Themis."""
    return file.startswith(_our_folders())


@functools.cache
def is_installed(file: str) -> bool:
    """Whether a file is Python's own or an installed package's, or no file at all."""
    if file.startswith("<") or f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file:
        return True
    return is_pythons_own(file)


def is_pythons_own(file: str) -> bool:
    """Whether a file belongs to Python's own library."""
    return file.startswith((sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep))


def _places(trace: TracebackType | None) -> Iterator[Place]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield Place(code.co_filename, trace.tb_lineno, code.co_qualname.rpartition(_INNER)[2])
        trace = trace.tb_next


@functools.cache
def _our_folders() -> tuple[str, ...]:
    return (f"{Path(__file__).parents[2]}{os.sep}", "<frozen importlib.")
