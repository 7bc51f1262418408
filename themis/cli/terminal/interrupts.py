"""A first Ctrl-C, or a polite request to end, stops a run cleanly."""

import contextlib
import signal
from collections.abc import Iterator

import click

from themis.cli.terminal.output import note
from themis.core.processes.forks import handling

_POLITE = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ends_cleanly(farewell: str | None) -> Iterator[None]:
    """A block that SIGINT, SIGTERM and SIGHUP end by a KeyboardInterrupt, after which `farewell` is said, if any.

    SIGTERM and SIGHUP are passed on as SIGINT, which a run turns into its cancellation.

    Raises:
        click.exceptions.Exit: with 128 and the signal's number, when one came.
    """
    came: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        del frame
        came.append(number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt  # a shell's background job ignores SIGINT, and would ignore this too
        signal.raise_signal(signal.SIGINT)

    # What is ignored (nohup) stays ignored, and somebody else's handler his.
    ours = [number for number in _POLITE if signal.getsignal(number) is signal.SIG_DFL]
    try:
        with handling(dict.fromkeys(ours, pass_on)):
            yield
    except KeyboardInterrupt:
        if farewell is not None:
            note(f"interrupted; {farewell}")
        raise click.exceptions.Exit(128 + (came[0] if came else signal.SIGINT)) from None
