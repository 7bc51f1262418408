"""`themis status`: the progress and the scores of runs."""

from contextlib import ExitStack, closing
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli import errors
from themis.cli.command import QueuePlace, command, json_option, label_filter
from themis.cli.costs import cost_document, priced
from themis.cli.groups.status import show_group, states_in
from themis.cli.stored.run_targets import Asked, places_of_runs, run_options
from themis.cli.targets import find_queue_root, run_id_of
from themis.cli.terminal.output import emit, emit_list, note, say
from themis.cli.terminal.prose import say_text
from themis.cli.terminal.time_options import Seconds
from themis.cli.views.run_facts import say_attempts, say_run, say_shards
from themis.cli.views.run_table import say_runs
from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT
from themis.core.errors import UnavailableError, UnknownTargetError
from themis.core.outcomes.failure_groups import shown_reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from themis.core.monitor.runs import RunNow, StoredRuns
    from themis.core.queue.model.queue_place import Place
    from themis.core.stores.reading import StoreLocation

SHOWN_RUNS = 20
_MS = 1_000_000


@command(
    "status",
    "themis status",
    "themis status 4f1c09",
    "themis status --config experiment.yaml --json",
    "themis status 4f1c09 --wait --timeout 3600",
    "themis status group:pupils --wait",
)
@run_options
@click.option("--all", "show_all", is_flag=True, help=f"Every run, not only the newest {SHOWN_RUNS}.")
@click.option("--wait", is_flag=True, help="First wait until the run has ended; without TARGET, all unfinished jobs.")
@click.option(
    "--timeout",
    "timeout_s",
    type=Seconds(),
    metavar="SECONDS",
    help="With --wait: the longest time to wait; exits with 124 when it is over.",
)
@label_filter
@json_option
def status(
    *,
    asked: Asked,
    labels: tuple[tuple[str, str], ...],
    show_all: bool,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> int:
    """Show the progress and the scores of runs: all of them, newest first, or the one that TARGET names.

    TARGET is the name of a run, or the beginning of a run's id or a job's key (4 digits at least), or a config file;
    group:NAME shows, and waits for, all runs of a group.
    The runs are those in the queue's stores and in runs/themis.sqlite3, or in the store that --config names.
    Exits with 3 when a run that --wait waited for failed or was cancelled, and with 4 when a store that the queue
    names cannot be read, so that not all runs are shown.
    """
    if labels and (asked.target is not None or wait):
        message = "--label filters the list: give no TARGET, and no --wait"
        raise click.UsageError(message, click.get_current_context())
    if timeout_s is not None and not wait:
        message = "--timeout needs --wait"
        raise click.UsageError(message, click.get_current_context())
    target, place = asked.target, QueuePlace(asked.queue_root, asked.config, asked.overrides)
    locations = _stores(asked)
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(store)) for store in _opened(locations, find_queue_root(*place))]
        left_out = errors.UNAVAILABLE if len(stores) < len(locations) else 0
        if wait and target is None:
            _note_nobody(place, {row.state for store in stores for row in store.find("", SHOWN_RUNS)})
        if (group := _group_of(target)) is not None:
            _note_nobody(place, states_in(group, stores) if wait else set())
            return show_group(group, stores, wait=wait, timeout_s=timeout_s, show_all=show_all, as_json=as_json)
        code = _waited(stores, target, place, timeout_s) if wait else 0
        if target is not None:
            _show_one(stores, target, as_json=as_json)  # raises when none of them has the run
            return code
        code = code or left_out
        pages = _pages(stores, None if show_all else SHOWN_RUNS + 1, labels)
        first = next(pages, [])
        if not first and not as_json:
            around = f"there is no store in {place.queue_root or DEFAULT_QUEUE_ROOT} or beside it"
            where = ", ".join(location.path for location in locations) or around
            note(f"no runs yet ({where}); --config or --queue-root name another place")
            return code
        shown = chain([first], pages) if show_all else iter([first[:SHOWN_RUNS]])
        if as_json:
            emit_list(row.document() for page in shown for row in page)
            return code
        for page in shown:
            say_runs(page, stored=False)
    if len(first) > SHOWN_RUNS and not show_all:
        say()
        say_text(f"The newest {SHOWN_RUNS}; --all shows all of them.")
    _note_nobody(place, {row.state for row in first})
    return code


def _group_of(target: str | None) -> str | None:
    from themis.core.monitor.targets import group_named

    return None if target is None else group_named(target)


def _pages(
    stores: "Sequence[StoredRuns]", limit: int | None, labels: tuple[tuple[str, str], ...]
) -> "Iterator[list[RunNow]]":
    """Yield the runs with these labels of all stores, newest first: at most `limit` per store, a page at a time."""
    from themis.core.monitor.run_filter import RunFilter
    from themis.core.monitor.runs import PAGE_RUNS

    found = [store.find("", limit, chosen=RunFilter(labels=labels)) for store in stores]
    while page := [row for rows in found for row in islice(rows, PAGE_RUNS)]:
        yield sorted(page, key=_newest_first)


def _note_nobody(place: QueuePlace, states: set[str]) -> None:
    """Print a hint when runs are queued, but no worker is running."""
    if "queued" in states and "running" not in states:
        from themis.core.monitor.workers import nobody_works

        if hint := nobody_works(find_queue_root(*place)):
            note(hint)


def _stores(asked: Asked) -> "list[StoreLocation]":
    from themis.core.monitor.stores import is_there

    found = places_of_runs(asked)
    is_of_config = asked.store is None and asked.queue_root is None and asked.config is not None
    return [location for location in found if not is_of_config or is_there(location)]


def _opened(locations: "Sequence[StoreLocation]", queue_root: "Place") -> "list[StoredRuns]":
    """Open the stores that can be read, and print a note about the others; if the only store fails, raise."""
    from themis.core.monitor.runs import StoredRuns

    found = []
    for location in locations:
        try:
            found.append(StoredRuns(location, queue_root=queue_root))
        except UnavailableError as error:
            if len(locations) == 1:
                raise
            note(f"left out: {error}")
    return found


def _newest_first(row: "RunNow") -> int:
    job_ms = row.job.submitted_ns // _MS if row.job else 0
    return -max(row.started_ms or 0, row.ended_ms or 0, job_ms)


def _found(
    stores: "Sequence[StoredRuns]", target: str, *, with_means: bool = True
) -> "list[tuple[StoredRuns, RunNow]]":
    """The one run that TARGET names, in each store that has it."""
    from themis.core.monitor.targets import Kind, matches_of, only, run_in, target_text

    text = target_text(target)
    by_reader = {store.reader: store for store in stores}
    if text.kind is Kind.CONFIG:
        matches = run_in(run_id_of(Path(text.text)), [*by_reader])
    else:
        matches = matches_of(text, [*by_reader])
    if not matches:
        raise UnknownTargetError(target=target, detail="its run is not stored; themis list shows all runs")
    if len({match.run.run_id for match in matches}) > 1:
        only(target, matches)
    found = [(by_reader[match.reader], match.run.run_id) for match in matches]
    return [(store, row) for store, run_id in found for row in store.find(run_id, 1, with_means=with_means)]


def _waited(stores: "Sequence[StoredRuns]", target: str | None, place: QueuePlace, timeout_s: float | None) -> int:
    from themis.cli.status_wait import wait_for_queue, wait_for_run

    if target is None:
        return wait_for_queue(find_queue_root(*place), stores, timeout_s)

    def look() -> "list[RunNow]":
        return [row for _, row in _found(stores, target, with_means=False)]

    return wait_for_run(look, timeout_s)


def _show_one(stores: "Sequence[StoredRuns]", target: str, *, as_json: bool) -> None:
    found = _found(stores, target)
    if as_json:
        documents = [row.document() | _beside(store, row) for store, row in found]
        emit(documents[0] if len(documents) == 1 else documents)
        return
    for store, row in found:
        reasons = shown_reasons(store.failures(row.run_id), row.failed)
        say_run(row, priced(store.spends(row.run_id)), reasons)
        if row.shards:
            say()
            say_shards(row.shards)
        elif row.job and (attempts := store.attempts(row.job)):
            say()
            say_attempts(attempts, [(one.cause or "running", one.message or None) for one in attempts])


def _beside(store: "StoredRuns", row: "RunNow") -> dict[str, Any]:
    """The parts of a run's JSON that are read for a single run alone."""
    reasons = [group.document() for group in store.failures(row.run_id)]
    return {"failure_reasons": reasons, **cost_document(store.spends(row.run_id))}
