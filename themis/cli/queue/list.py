"""`themis queue list`: what is in a queue, from the names of its files alone."""

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli.command import command, json_option, queue_options
from themis.cli.opening import find_queue_root
from themis.cli.output import document, emit_object, note, one_line, say, say_table
from themis.cli.worker_hint import nobody_works
from themis.core.queue.layout import SHOWN_STATES

if TYPE_CHECKING:
    from themis.core.queue.pausing import Pause

SHOWN_ROWS = 100


@command("list", "themis queue list", "themis queue list --state failed --all")
@queue_options
@click.option("--state", type=click.Choice(list(SHOWN_STATES)), help="Only the jobs of one state.")
@click.option("--all", "show_all", is_flag=True, help=f"Every job, not only the first {SHOWN_ROWS}.")
@json_option
def list_jobs(
    *,
    queue_root: Path | None,
    config: Path | None,
    overrides: Sequence[str],
    state: str | None,
    show_all: bool,
    as_json: bool,
) -> None:
    """List the jobs of a queue, in the order in which they will be taken."""
    root = find_queue_root(queue_root, config, overrides)
    names = _names(root)
    counts = {name: len(names.get(folder, ())) for name, folder in SHOWN_STATES.items()}
    rejected = len(names.get("rejected", ()))
    states = [state] if state else list(SHOWN_STATES)
    total = sum(counts[name] for name in states)
    jobs = _jobs(root, names, states, None if show_all else SHOWN_ROWS)
    pause = _pause(root)
    unusable = _unusable_stores(root) if names else {}
    if as_json:
        found = {"queue_root": str(root), "paused": pause is not None, "pause": document(pause) if pause else None}
        before = {**found, "counts": {**counts, "rejected": rejected}}
        emit_object(before, "jobs", jobs, after=lambda: {"unusable_stores": unusable})
        return
    if not names:
        note(f"there is no queue at {root} yet; the first submit makes it")
        return
    _show(jobs, total)
    if total > SHOWN_ROWS and not show_all:
        say(f"The first {SHOWN_ROWS:,} of {total:,}; --all shows them all.")
    told = counts | ({"rejected": rejected} if rejected else {})
    say(", ".join(f"{count:,} {name}" for name, count in told.items()))
    if rejected:
        say(f"What was rejected, and why, is in {root / 'rejected'}.")
    if pause is not None:
        from themis.cli.reasons import pause_text

        say(one_line(f"Nobody takes a job: {pause_text(pause)}. themis queue resume ends that."))
    elif counts["queued"] and not counts["running"] and (hint := nobody_works(root)):
        say(f"{hint[0].upper()}{hint[1:]}")
    for why in unusable.values():
        say(f"A results store cannot be used, and its jobs wait: {why}")


def _unusable_stores(root: Path) -> dict[str, str]:
    """The stores of a queue's jobs that cannot be opened now, and why; none is made for looking."""
    from themis.cli.run_rows import JobStores
    from themis.core.queue.root import open_root
    from themis.core.queue.store_book import StoreBook

    opened = open_root(root, write=False)
    with closing(JobStores()) as stores:
        found = {} if opened is None else StoreBook(opened, stores).unusable()
    return {address.path: str(error) for address, error in found.items()}


def _pause(root: Path) -> "Pause | None":
    if not os.path.lexists(root / "paused"):
        return None
    from themis.core.queue.pausing import read

    return read(root / "paused")


def _names(root: Path) -> dict[str, list[str]]:
    """The names in each folder of a queue; empty without a queue."""
    from themis.core.queue.listing import names_by_folder
    from themis.core.queue.root import open_root

    return {} if open_root(root, write=False) is None else names_by_folder(root)


def _jobs(
    root: Path, names: dict[str, list[str]], states: Sequence[str], limit: int | None
) -> Iterator[dict[str, Any]]:
    """The jobs, one at a time: there may be very many."""
    from themis.core.queue.layout import parse

    left = limit
    for state in states:
        folder = SHOWN_STATES[state]
        of_state = names.get(folder, [])
        chosen = sorted(of_state) if left is None else heapq.nsmallest(left, of_state)
        left = None if left is None else left - len(chosen)
        for name in chosen:
            entry = parse(folder, name)
            yield {
                "state": state,
                "key": entry.key if entry else None,
                "priority": entry.priority if entry else None,
                "submitted": entry.stamp if entry and state == "queued" else None,
                "not_before": entry.stamp if entry and state == "waiting" else None,
                "attempt": entry.attempt if entry else None,
                "path": f"{root}/{folder}/{name}",
            }


def _show(jobs: Iterable[dict[str, Any]], total: int) -> None:
    headers = ("state", "key", "priority", "submitted", "not before", "attempt")
    rows = (
        (
            job["state"],
            job["key"] or Path(job["path"]).name,
            job["priority"],
            _moment(job["submitted"]),
            _moment(job["not_before"]),
            job["attempt"],
        )
        for job in jobs
    )
    say_table(headers, rows, right=("priority", "attempt"))
    if total:
        say()


def _moment(stamp: str | None) -> str | None:
    """A time as it stands in names, as people read it."""
    if stamp is None:
        return None
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}Z"
