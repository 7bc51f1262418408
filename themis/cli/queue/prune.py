"""`themis queue prune`: what ended long ago leaves the queue."""

import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import QueuePlace, Words, command, json_option, queue_place
from themis.cli.opening import note_left_out, opened_queue
from themis.cli.output import emit, note, say, table, when
from themis.cli.times import Duration
from themis.core.queue.layout import PRUNABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.queue.pruning import Prunable

SHOWN_ROWS = 20
_NS = 1_000_000_000


class _States(Words):
    """Some of the states that can be pruned, parted by commas."""

    name = "states"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        states = super().convert(value, param, ctx)
        if not states or not set(states) <= set(PRUNABLE):
            self.fail(f"{value!r} is not some of {', '.join(PRUNABLE)}", param, ctx)
        return states


@command("prune", "themis queue prune", "themis queue prune --older-than 7d --state done,cancelled --yes")
@queue_place
@click.option(
    "--older-than", type=Duration(), default="30d", show_default=True, help="Only what ended so long ago: 12h, 30d."
)
@click.option(
    "--state", "states", type=_States(), default=",".join(PRUNABLE), show_default=True, help="Only these, by commas."
)
@click.option("--yes", "-y", is_flag=True, help="Remove it. Without this nothing is changed.")
@json_option
def prune(
    *,
    place: QueuePlace,
    older_than: timedelta,
    states: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> int:
    """Say which jobs ended long ago, and what their files take; with --yes remove those files, logs and journals too.

    Results stay in the store, and so does how each job ended: the same experiment submitted again is still known.
    """
    before_ns = time.time_ns() - int(older_than.total_seconds()) * _NS
    with opened_queue(*place) as opened:
        code = note_left_out(opened)
        found = opened.prunable(states, before_ns)
        gone = opened.prune(found) if yes else []
    shown = gone if yes else found
    if as_json:
        emit(_document(shown, removed=yes))
    else:
        _show(shown, removed=yes)
    if yes and len(gone) < len(found):
        note(f"{len(found) - len(gone):,} were left: they changed just now, or are in use")
    return code


def _document(items: "Sequence[Prunable]", *, removed: bool) -> dict[str, Any]:
    return {
        "removed": removed,
        "count": len(items),
        "bytes": sum(item.size_bytes for item in items),
        "items": [
            {"name": item.name, "state": str(item.state), "ended": when(item.ended_ns), "bytes": item.size_bytes}
            for item in items
        ],
    }


def _show(items: "Sequence[Prunable]", *, removed: bool) -> None:
    if not items:
        say("Nothing has ended so long ago.")
        return
    rows = [(item.state, item.name, when(item.ended_ns), f"{item.size_bytes:,}") for item in items[:SHOWN_ROWS]]
    for line in table(("state", "key", "ended", "bytes"), rows, right=("bytes",)):
        say(line)
    if len(items) > SHOWN_ROWS:
        say(f"… and {len(items) - SHOWN_ROWS:,} more; --json names them all.")
    counts = ", ".join(f"{count:,} {state}" for state, count in Counter(str(item.state) for item in items).items())
    size = f"{sum(item.size_bytes for item in items):,} bytes"
    say()
    say(f"Removed: {counts}; {size}." if removed else f"To be removed: {counts}; {size}. --yes removes them.")
