"""Handling of a moved or copied queue in `themis queue doctor`, before all other checks."""

from typing import TYPE_CHECKING

import click

from themis.cli.terminal.output import note
from themis.core.errors import QueueElsewhereError

if TYPE_CHECKING:
    from themis.core.queue.admin.findings import Finding
    from themis.core.queue.admin.relocation import Relocated, Told
    from themis.core.queue.port import Queue


def told(*, fix: bool, moved: bool, copied: bool) -> "Told | None":
    """The fate of the queue that the command line names; None if it names none.

    Raises:
        UsageError: it names both, or --fix is missing.
    """
    if moved and copied:
        message = "give --moved or --copied, not both"
        raise click.UsageError(message, click.get_current_context())
    if (moved or copied) and not fix:
        message = "--moved and --copied need --fix"
        raise click.UsageError(message, click.get_current_context())
    return "moved" if moved else "copied" if copied else None


def finding_of(error: QueueElsewhereError) -> "Finding":
    """The only finding of a queue that cannot be used because it was moved or copied."""
    from themis.core.queue.admin.findings import Finding

    return Finding(str(error.facts["path"]), str(error.facts["problem"]), advice=str(error.facts["advice"]))


def relocate(queue: "Queue", word: "Told") -> bool:
    """Update a queue's paths, and print what was done; False when locked jobs were left."""
    from themis.core.queue import FileQueue

    if not isinstance(queue, FileQueue):
        message = f"--{word} is for a queue in a folder, and this one is in a results store"
        raise click.UsageError(message, click.get_current_context())
    found = queue.admin.relocate(word)
    if found is None:
        note(f"the queue is in the folder that it records, {queue.path}: it was not {word}")
        return True
    _explain(found, word)
    if found.left:
        note(f"{len(found.left):,} jobs are locked: stop their workers, then try again; the first: {found.left[0]}")
    return not found.left


def _explain(found: "Relocated", word: str) -> None:
    note(f"{word} from {found.was}: the paths of {found.jobs:,} jobs were updated")
    for path in found.stores:
        note(f"its results store is {path}")
    for path in found.let_go:
        note(f"{path} was not copied with it: its jobs belong only to the original")
