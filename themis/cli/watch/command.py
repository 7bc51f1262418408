"""`themis queue watch`: what a queue does now, until Ctrl-C."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.command import command, json_option, queue_options
from themis.cli.targets import find_queue_root
from themis.cli.terminal import streams
from themis.cli.terminal.interrupts import ends_cleanly
from themis.cli.terminal.output import emit, printable, say
from themis.cli.terminal.times import Seconds

if TYPE_CHECKING:
    from themis.core.monitor.queue_now import QueueNow
    from themis.core.monitor.queue_watcher import QueueWatcher

PLAIN_WIDTH = 120
"""Where there is no terminal."""

_STYLES = {"head": "bold", "title": "bold cyan", "labels": "dim", "good": "green", "bad": "red", "quiet": "dim"}


@command("watch", "themis queue watch", "themis queue watch --once", "themis queue watch --interval 10 --json")
@queue_options
@click.option(
    "--interval",
    "interval_s",
    type=Seconds(0.1),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Seconds between looks.",
)
@click.option("--once", is_flag=True, help="Look once, and exit.")
@json_option
def watch(
    *,
    queue_root: Path | None,
    config: Path | None,
    overrides: Sequence[str],
    interval_s: float,
    once: bool,
    as_json: bool,
) -> None:
    """Show what a queue does now, until Ctrl-C: its workers, how far each run is, what comes next, what ended last.

    When the queue will be empty is predicted from how long runs like those that are left took before. Nothing is
    written, and workers are not disturbed. With --json, an object a look.
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
    """Look every `interval_s` seconds, and never twice in a row to make up for a slow one."""
    while True:
        began_s = time.monotonic()
        show(watcher.look())
        time.sleep(max(interval_s - (time.monotonic() - began_s), 0.0))


def _print(look: "QueueNow", *, as_json: bool) -> None:
    if as_json:
        emit(look.document())
    else:
        from themis.cli.watch.view import lines

        width = shutil.get_terminal_size((PLAIN_WIDTH, 0)).columns if streams.results().isatty() else PLAIN_WIDTH
        for line in lines(look, width):
            say(line.text)
        say()
    streams.flush()


def _show_live(watcher: "QueueWatcher", interval_s: float) -> None:
    """Redraw the terminal at each look; afterwards it is as it was before."""
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
