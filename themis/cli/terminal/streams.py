"""Standard output is for results: what components print meanwhile goes to standard error.

A component may print, write to descriptor 1, start programs that do, close `sys.stdout` or leave a redirection behind.
So for as long as a command has components in its process, descriptor 1 is standard error, and results and messages go
to copies of what the two were.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple, TextIO

from themis.core.errors import ClosedOutputError, UnwritableOutputError
from themis.core.text.masking import mask

_OUT, _ERR = 1, 2


class _Apart(NamedTuple):
    """Where results and messages go, whatever becomes of `sys.stdout` and `sys.stderr`."""

    results: TextIO
    messages: TextIO | None


_apart: _Apart | None = None


def results() -> TextIO:
    """Where results are printed.

    Raises:
        ClosedOutputError: nowhere.
    """
    stream = _apart.results if _apart else sys.stdout
    if stream is None:
        raise ClosedOutputError
    return stream


def messages() -> TextIO | None:
    """Where messages are printed; None where nobody reads them."""
    return _apart.messages if _apart else sys.stderr


def write(text: str) -> None:
    """Print a result, or a part of it.

    Raises:
        ClosedOutputError, UnwritableOutputError: it cannot be printed.
        BrokenPipeError: nobody reads it.
    """
    with writing() as stream:
        stream.write(text)


def flush() -> None:
    """Have all results be where they go to; raises as `write` does, but for output that is closed."""
    if _apart or sys.stdout is not None:
        with writing() as stream:
            stream.flush()


@contextmanager
def writing() -> Iterator[TextIO]:
    """The stream of results, for a block that writes to it; raises as `write` does."""
    stream = results()
    try:
        yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnwritableOutputError(detail=error.strerror or error) from None


def has_terminal() -> bool:
    """Whether messages are read on a terminal."""
    stream = messages()
    return stream is not None and stream.isatty()


def is_kept_apart() -> bool:
    """Whether components are in this process, so that something may have been done of which nobody heard yet."""
    return _apart is not None


def occupy_closed() -> None:
    """Open the standard descriptors that are closed: the next file that is opened would take their place.

    `sys.stdout` stays None where there was none.
    """
    for number in (0, _OUT, _ERR):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
            os.set_inheritable(nowhere, True)  # noqa: FBT003  # as the other two are


@contextmanager
def kept_apart() -> Iterator[None]:
    """A block in which nothing but a result reaches standard output.

    Raises:
        ClosedOutputError: it is closed; better said before a run than after it.
    """
    global _apart  # noqa: PLW0603  # a process has one standard output
    printed, said = results(), sys.stderr
    printed.flush()
    with ExitStack() as stack:
        out, err = (_copy(stack, number) for number in (_OUT, _ERR))
        os.dup2(_ERR, _OUT)
        stack.callback(_put_back, printed, said)
        # Not where a test, or a program of which this is a part, has put a stream of its own there.
        is_ours = said is None or _is_over(said, _ERR)
        results_to = _stream(out, printed) if _is_over(printed, _OUT) else printed
        _apart = _Apart(results_to, _stream(err, said) if said is not None and is_ours else said)
        if is_ours:
            sys.stderr = _Masked.over(_ERR)
        sys.stdout = _Masked.over(_OUT) if is_ours else said
        yield


def _copy(stack: ExitStack, number: int) -> int:
    """A copy of a descriptor, which takes its place again in the end."""
    copy = os.dup(number)
    stack.callback(os.close, copy)
    stack.callback(os.dup2, copy, number)
    return copy


def _stream(descriptor: int, like: TextIO) -> TextIO:
    return open(descriptor, "w", encoding=like.encoding, errors="backslashreplace", closefd=False)


def _put_back(printed: TextIO, said: TextIO) -> None:
    global _apart  # as above
    ours, _apart = _apart, None
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # whatever a component has left there
            stream.flush()
    sys.stdout, sys.stderr = printed, said
    for stream in ours or ():
        if stream not in {printed, said, None}:
            with suppress(OSError):  # told already, where it was flushed
                stream.close()


class _Masked(io.TextIOWrapper):
    """A standard stream on which no resolved secret is shown."""

    @classmethod
    def over(cls, descriptor: int) -> "_Masked":
        """A line-buffered stream that writes to `descriptor`, and leaves it open."""
        raw = io.FileIO(descriptor, "w", closefd=False)
        return cls(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)

    def write(self, text: str) -> int:
        """Write `text` without secrets."""
        super().write(mask(text))
        return len(text)


def _is_over(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError):
        return False
