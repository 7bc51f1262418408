"""`themis list`: the stored runs, newest first, page by page."""

import heapq
import time
from contextlib import ExitStack, closing
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import click

from themis.cli import errors
from themis.cli.command import QueuePlace, command, json_option, label_filter, queue_place
from themis.cli.offers import values
from themis.cli.stored.run_targets import Asked, places_of_runs, store_option
from themis.cli.terminal.output import emit_list, note, say, when
from themis.cli.terminal.prose import say_text
from themis.cli.terminal.time_options import Duration
from themis.cli.views.run_table import say_runs
from themis.core.errors import StoreMissingError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from themis.core.monitor.run_filter import RunFilter
    from themis.core.monitor.runs import RunNow, StoredRuns
    from themis.core.stores.reading import StoreLocation

SHOWN_RUNS = 100
STATES = ("pending", "queued", "waiting", "running", "completed", "partial_failure", "failed", "cancelled")
_MS = 1_000_000


class _Wanted(NamedTuple):
    """Runs that the options of the list name."""

    name: str | None
    labels: tuple[tuple[str, str], ...]
    dataset: str | None
    newer_than: timedelta | None
    state: str | None

    def filter(self, run_ids: frozenset[str] | None) -> "RunFilter":
        """All of it except the state, which no row has."""
        from themis.core.monitor.run_filter import RunFilter

        since_ms = None if self.newer_than is None else int((time.time() - self.newer_than.total_seconds()) * 1000)
        return RunFilter(self.name, self.labels, since_ms, self.dataset, run_ids)


@command(
    "list",
    "themis list",
    "themis list --label team=search --state completed",
    "themis list group:pupils",
    "themis list --name 'gpt-5.4-mini-*' --newer-than 7d --all --json",
)
@click.argument("target", required=False, metavar="[group:NAME]", shell_complete=values.groups)
@queue_place
@store_option
@label_filter
@click.option("--name", metavar="PATTERN", help="Only runs whose name fits, such as 'baseline*'.")
@click.option("--dataset", metavar="ID", help="Only runs over this dataset.")
@click.option("--newer-than", type=Duration(), metavar="TIME", help="Only runs that were added later: 12h, 30d.")
@click.option("--state", type=click.Choice(STATES), help="Only runs in this state.")
@click.option("--all", "show_all", is_flag=True, help=f"Every run, not only the newest {SHOWN_RUNS}.")
@json_option
def list_runs(
    *,
    target: str | None,
    place: QueuePlace,
    store: "StoreLocation | None",
    show_all: bool,
    as_json: bool,
    **wanted: object,
) -> int:
    """List the stored runs, newest first: those of a queue's stores, or of the store that --store or --config names.

    With group:NAME only those of a group.

    `themis status` shows what happens now, and `themis queue list` the jobs. Exits with 4 when a store cannot be read,
    so that not all runs are listed.
    """
    asked = Asked(None, place.config, place.overrides, place.queue_root, store)
    locations = places_of_runs(asked)
    with ExitStack() as stack:
        stores, code = _opened(stack, locations)
        run_ids = None if target is None else _of_group(target, stores)
        found = _runs(stores, _Wanted(**wanted), run_ids)  # type: ignore[arg-type]  # as click checked them
        if as_json:
            emit_list(_document(row) for row in (found if show_all else islice(found, SHOWN_RUNS)))
            return code
        if not _show(found, show_all=show_all):
            where = ", ".join(location.path for location in locations) or "there is no store here"
            note(f"no such runs ({where}); --store, --queue-root or --config name another place")
    return code


def _opened(stack: ExitStack, locations: "Iterable[StoreLocation]") -> "tuple[list[StoredRuns], int]":
    """Open the stores that can be read until `stack` is closed; returns them with the exit code."""
    from themis.core.monitor.runs import StoredRuns

    found, code = [], 0
    for location in locations:
        try:
            found.append(stack.enter_context(closing(StoredRuns(location))))
        except StoreMissingError as error:
            note(f"left out: {error}")
        except UnavailableError as error:
            note(f"left out: {error}")
            code = errors.UNAVAILABLE
    return found, code


def _of_group(target: str, stores: "Sequence[StoredRuns]") -> frozenset[str]:
    """The ids of the runs of the group that TARGET names."""
    from themis.core.monitor.run_groups.members import members_of
    from themis.core.monitor.targets import group_named

    if (group := group_named(target)) is None:
        message = f"{target} is not group:NAME; --name lists the runs of a name, and themis status shows one run"
        raise click.UsageError(message, click.get_current_context())
    return frozenset(member.run_id for member in members_of(group, stores))


def _runs(stores: "Iterable[StoredRuns]", wanted: _Wanted, run_ids: frozenset[str] | None) -> "Iterator[RunNow]":
    """Yield the runs that are wanted, of all stores, newest first; each store is read page by page."""
    chosen = wanted.filter(run_ids)
    rows = heapq.merge(*(store.find("", None, chosen=chosen) for store in stores), key=lambda row: -row.created_ms)
    return (row for row in rows if wanted.state is None or row.state == wanted.state)


def _document(row: "RunNow") -> dict[str, object]:
    return row.document() | {"created": when(row.created_ms * _MS)}


def _show(found: "Iterator[RunNow]", *, show_all: bool) -> bool:
    """Print the runs, a page at a time, since each page's columns fit its own rows; False when there are none."""
    page = list(islice(found, SHOWN_RUNS))
    is_any = bool(page)
    while page:
        say_runs(page, stored=True)
        following = list(islice(found, SHOWN_RUNS if show_all else 1))
        if following and not show_all:
            say()
            say_text(f"The newest {SHOWN_RUNS}; --all lists them all.")
            break
        page = following
    return is_any
