"""Standard streams: standard output is only for results; output of components goes to standard error.

A component may print, write to descriptor 1, start programs that do, close `sys.stdout` or leave a redirection behind.
So while a command has components in its process, descriptor 1 is standard error, and results and messages go to copies
of the original two.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO, NamedTuple, TextIO

from themis.core.errors import ClosedOutputError, TextOnlyOutputError, UnwritableOutputError
from themis.core.text.masking import mask

_OUT, _ERR = 1, 2


class _Apart(NamedTuple):
    """The streams of results and messages, whatever happens to `sys.stdout` and `sys.stderr`."""

    results: TextIO
    messages: TextIO | None


_apart: _Apart | None = None


def results() -> TextIO:
    """The stream of results.

    Raises:
        ClosedOutputError: there is none.
    """
    stream = _apart.results if _apart else sys.stdout
    if stream is None:
        raise ClosedOutputError
    return stream


def messages() -> TextIO | None:
    """The stream of messages; None if there is none."""
    return _apart.messages if _apart else sys.stderr


def write(text: str) -> None:
    """Print a result, or a part of one.

    Raises:
        ClosedOutputError, UnwritableOutputError: it cannot be printed.
        BrokenPipeError: its reader is gone.
    """
    with writing() as stream:
        stream.write(text)


def flush() -> None:
    """Flush all results; raises as `write` does, except for closed output."""
    if _apart or sys.stdout is not None:
        with writing() as stream:
            stream.flush()


@contextmanager
def writing() -> Iterator[TextIO]:
    """Yield the stream of results to a block that writes to it; raises as `write` does."""
    stream = results()
    try:
        yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnwritableOutputError(detail=error.strerror or error) from None


@contextmanager
def writing_bytes() -> Iterator[BinaryIO]:
    """Yield the stream of results to a block that writes bytes to it.

    Raises:
        TextOnlyOutputError: it is a terminal.
        ClosedOutputError, UnwritableOutputError, BrokenPipeError: as `write`.
    """
    with writing() as stream:
        if stream.isatty():
            raise TextOnlyOutputError
        stream.flush()
        yield stream.buffer
        stream.buffer.flush()


def has_terminal() -> bool:
    """Whether messages go to a terminal."""
    stream = messages()
    return stream is not None and stream.isatty()


def is_kept_apart() -> bool:
    """Whether components are in this process, so that work may have been done that was not reported yet."""
    return _apart is not None


def occupy_closed() -> None:
    """Open standard descriptors that are closed, since the next opened file would take their place.

    `sys.stdout` stays None if there was none.
    """
    for number in (0, _OUT, _ERR):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            os.set_inheritable(nowhere, True)  # noqa: FBT003  # as the other two are


@contextmanager
def kept_apart() -> Iterator[None]:
    """Keep everything but results out of standard output during the block.

    Raises:
        ClosedOutputError: it is closed; reported before a run rather than after it.
    """
    global _apart  # noqa: PLW0603  # a process has one standard output
    printed, said = results(), sys.stderr
    printed.flush()
    with ExitStack() as stack:
        out, err = (_copy(stack, number) for number in (_OUT, _ERR))
        os.dup2(_ERR, _OUT)
        stack.callback(_put_back, printed, said)
        # False if a test, or a program that embeds this, has put a stream of its own there.
        is_ours = said is None or _is_over(said, _ERR)
        results_to = _stream(out, printed) if _is_over(printed, _OUT) else printed
        _apart = _Apart(results_to, _stream(err, said) if said is not None and is_ours else said)
        if is_ours:
            sys.stderr = _Masked.over(_ERR)
        sys.stdout = _Masked.over(_OUT) if is_ours else said
        yield


def _copy(stack: ExitStack, number: int) -> int:
    """A copy of a descriptor, which replaces it again at the end."""
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
        with suppress(Exception):  # a component may have left anything there
            stream.flush()
    sys.stdout, sys.stderr = printed, said
    for stream in ours or ():
        if stream not in {printed, said, None}:
            with suppress(OSError):  # already reported when it was flushed
                stream.close()


class _Masked(io.TextIOWrapper):
    """A standard stream that masks resolved secrets."""

    @classmethod
    def over(cls, descriptor: int) -> "_Masked":
        """A line-buffered stream that writes to `descriptor` and leaves it open."""
        raw = io.FileIO(descriptor, "w", closefd=False)
        return cls(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)

    def write(self, text: str) -> int:
        """Write `text` with secrets masked."""
        super().write(mask(text))
        return len(text)


def _is_over(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError):
        return False
