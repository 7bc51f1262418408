"""`themis queue prune`: removal of jobs that ended long ago from the queue."""

import heapq
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import QueuePlace, Words, command, json_option, queue_place
from themis.cli.targets import note_left_out, opened_queue
from themis.cli.terminal.output import emit_object, local_time, note, say, table, when
from themis.cli.terminal.progress import shown
from themis.cli.terminal.time_options import Duration
from themis.core.errors import MediaError
from themis.core.queue.model.layout import PRUNABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from themis.core.queue.admin.pruning import Prunable

SHOWN_ROWS = 20
_NS = 1_000_000_000


class _States(Words):
    """States that can be pruned, separated by commas."""

    name = "states"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        states = super().convert(value, param, ctx)
        if not states or not set(states) <= set(PRUNABLE):
            self.fail(f"{value!r} is not a list of some of {', '.join(PRUNABLE)}", param, ctx)
        return states


@command("prune", "themis queue prune", "themis queue prune --older-than 7d --state done,cancelled --yes")
@queue_place
@click.option(
    "--older-than", type=Duration(), default="30d", show_default=True, help="Only jobs that ended longer ago: 12h, 30d."
)
@click.option(
    "--state", "states", type=_States(), default=",".join(PRUNABLE), show_default=True, help="Only these states."
)
@click.option("--yes", "-y", is_flag=True, help="Remove the files. Without this, it is a dry run.")
@json_option
def prune(
    *,
    place: QueuePlace,
    older_than: timedelta,
    states: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> int:
    """List jobs that ended long ago, and the size of their files; with --yes remove the files, logs and journals too.

    Results stay in the store, and so does the end of each job: the same experiment submitted again is still known.
    Images and files of prompts that no run on this machine has used for as long (a day at least) are removed as well.
    """
    from themis.core.queue.folder.store_registry import ScanProgress

    before_ns = time.time_ns() - int(older_than.total_seconds()) * _NS
    progress, seen = ScanProgress(), _Seen()
    with opened_queue(*place) as opened, shown(progress, quiet=False, unit="jobs"):
        code = note_left_out(opened)
        found = seen.each_found(opened.admin.prunable(states, before_ns, progress=progress))
        items = seen.each(opened.admin.prune_each(found) if yes else found)
        if as_json:
            emit_object({"removed": yes}, "items", map(_document, items), after=seen.summary)
        else:
            for _ in items:
                pass
        if yes:
            opened.admin.sweep(progress=progress)
            opened.workers.forget_dead()
    if not as_json:
        seen.show(removed=yes)
    _prune_media(before_ns, removed=yes)
    if seen.left and yes:
        note(f"{seen.left:,} were skipped: they have just changed, or are locked")
    return code


class _Seen:
    """Totals of the jobs that were found and removed; only those that are shown are kept."""

    def __init__(self) -> None:
        self.found = self.count = self.size_bytes = 0
        self.states: Counter[str] = Counter()
        self._oldest: list[tuple[int, str, Prunable]] = []  # a heap whose first item is the youngest of them

    @property
    def left(self) -> int:
        """The number of items that were found and not removed."""
        return self.found - self.count

    def each_found(self, items: "Iterable[Prunable]") -> "Iterator[Prunable]":
        """Yield the items, and count them before they are removed."""
        for item in items:
            self.found += 1
            yield item

    def each(self, items: "Iterable[Prunable]") -> "Iterator[Prunable]":
        """Yield the items, count them, and keep the oldest to show them."""
        for item in items:
            self.count += 1
            self.size_bytes += item.size_bytes
            self.states[str(item.state)] += 1
            add = heapq.heappush if len(self._oldest) < SHOWN_ROWS else heapq.heappushpop
            add(self._oldest, (-item.ended_ns, item.name, item))
            yield item

    def summary(self) -> dict[str, int]:
        """The number and the total size of the items."""
        return {"count": self.count, "bytes": self.size_bytes}

    def show(self, *, removed: bool) -> None:
        """Print a table, oldest first, and the totals."""
        if not self.count:
            say("No job ended that long ago.")
            return
        oldest = [item for _, _, item in sorted(self._oldest, key=lambda kept: (-kept[0], kept[1]))]
        rows = [(item.state, item.name, local_time(item.ended_ns), f"{item.size_bytes:,}") for item in oldest]
        for line in table(("state", "key", "ended", "bytes"), rows, right=("bytes",)):
            say(line)
        if self.count > len(rows):
            say(f"… and {self.count - len(rows):,} more; --json lists all of them.")
        counts = ", ".join(f"{count:,} {state}" for state, count in self.states.items())
        size = f"{self.size_bytes:,} bytes"
        say()
        say(f"Removed: {counts}; {size}." if removed else f"To be removed: {counts}; {size}. --yes removes them.")


def _document(item: "Prunable") -> dict[str, Any]:
    return {"name": item.name, "state": str(item.state), "ended": when(item.ended_ns), "bytes": item.size_bytes}


def _prune_media(before_ns: int, *, removed: bool) -> None:
    """Remove the media of prompts that nobody has used since a time, or only count them, and say so."""
    from themis.core.media.media_folder import unused_media

    count = size = 0
    with suppress(MediaError):  # without a home folder there are none
        for path, size_bytes in unused_media(before_ns):
            with suppress(OSError):
                if removed:
                    path.unlink()
                count, size = count + 1, size + size_bytes
    if count:
        what = f"{count:,} images and files of prompts that were not used for as long; {size:,} bytes"
        note(f"removed: {what}" if removed else f"to be removed, too: {what}")
