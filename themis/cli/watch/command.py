"""`themis queue watch`: a live view of a queue, until Ctrl-C."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option, queue_options
from themis.cli.targets import find_queue_root
from themis.cli.terminal import streams
from themis.cli.terminal.colours import BAD, GOOD, HEAD, QUIET, Part, say_lines
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import emit, printable, say
from themis.cli.terminal.time_options import Seconds
from themis.cli.terminal.widths import terminal_width

if TYPE_CHECKING:
    from themis.core.monitor.queue_now import QueueNow
    from themis.core.monitor.queue_watcher import QueueWatcher
    from themis.core.queue.model.queue_place import Place

PLAIN_WIDTH = 120
"""Width of lines, in characters, without a terminal."""

_STYLES = {"head": "bold", "title": "bold cyan", "labels": "dim", "good": "green", "bad": "red", "quiet": "dim"}


_ONCE = {"head": HEAD, "title": HEAD, "labels": QUIET, "good": GOOD, "bad": BAD, "quiet": QUIET}


@command("watch", "themis queue watch", "themis queue watch --once", "themis queue watch --interval 10 --json")
@queue_options
@click.option(
    "--interval",
    "interval_s",
    type=Seconds(0.1),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Seconds between updates.",
)
@click.option("--once", is_flag=True, help="Print the state once, and exit.")
@json_option
def watch(
    *,
    queue_root: "Place | None",
    config: Path | None,
    overrides: Sequence[str],
    interval_s: float,
    once: bool,
    as_json: bool,
) -> None:
    """Show a queue live, until Ctrl-C: its workers, the progress of each run, the next jobs, and the last ended ones.

    The time when the queue will be empty is predicted from the durations of earlier runs of the same kind. Nothing is
    written, and workers are not disturbed. With --json, print one object per update.
    """
    from themis.core.monitor.queue_watcher import QueueWatcher

    watcher = QueueWatcher(find_queue_root(queue_root, config, overrides))
    try:
        with ends_cleanly(None):
            if once:
                _print(watcher.look(), as_json=as_json)
            elif as_json or not streams.results().isatty() or os.environ.get("TERM") == "dumb":
                _repeat(watcher, interval_s, lambda look: _print(look, as_json=as_json))
            else:
                _show_live(watcher, interval_s)
    finally:
        watcher.close()


def _repeat(watcher: "QueueWatcher", interval_s: float, show: "Callable[[QueueNow], None]") -> None:
    """Update every `interval_s` seconds, without catching up after a slow update."""
    while True:
        began_s = time.monotonic()
        show(watcher.look())
        time.sleep(max(interval_s - (time.monotonic() - began_s), 0.0))


def _print(look: "QueueNow", *, as_json: bool) -> None:
    if as_json:
        emit(look.document())
    else:
        from themis.cli.watch.view import lines

        found = lines(look, terminal_width() or PLAIN_WIDTH)
        say_lines((Part(line.text, _ONCE.get(line.kind)),) for line in found)
        say()
    streams.flush()


def _show_live(watcher: "QueueWatcher", interval_s: float) -> None:
    """Redraw the terminal at each update, and restore it afterwards."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from themis.cli.watch.view import lines

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(look: "QueueNow") -> None:
            text = Text(no_wrap=True, overflow="ellipsis")
            for line in lines(look, console.width, console.height):
                text.append(f"{printable(line.text)}\n", _STYLES.get(line.kind))
            live.update(text, refresh=True)

        _repeat(watcher, interval_s, show)
