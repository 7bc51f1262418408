"""Clean ends of runs after Ctrl-C, SIGTERM or SIGHUP."""

import contextlib
import signal
from collections.abc import Iterator

import click

from themis.cli.terminal.output import note
from themis.core.processes.forks import handling

_POLITE = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ends_cleanly(farewell: str | None) -> Iterator[None]:
    """End the block by a KeyboardInterrupt on SIGINT, SIGTERM and SIGHUP, and print `farewell` then, if there is one.

    SIGTERM and SIGHUP are passed on as SIGINT, which a run turns into its cancellation.

    Raises:
        click.exceptions.Exit: a signal came; the exit code is 128 plus its number.
    """
    came: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        del frame
        came.append(number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt  # a shell's background job ignores SIGINT, and would ignore the raised one too
        signal.raise_signal(signal.SIGINT)

    # Ignored signals (nohup) stay ignored, and handlers of others stay in place.
    ours = [number for number in _POLITE if signal.getsignal(number) is signal.SIG_DFL]
    try:
        with handling(dict.fromkeys(ours, pass_on)):
            yield
    except KeyboardInterrupt:
        if farewell is not None:
            note(f"interrupted; {farewell}")
        raise click.exceptions.Exit(128 + (came[0] if came else signal.SIGINT)) from None
