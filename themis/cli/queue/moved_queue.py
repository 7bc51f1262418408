"""What `themis queue doctor` says and does of a queue that was moved or copied, before it looks at anything else."""

from typing import TYPE_CHECKING

import click

from themis.cli.terminal.output import note
from themis.core.errors import QueueElsewhereError

if TYPE_CHECKING:
    from themis.core.queue import FileQueue
    from themis.core.queue.admin.doctor import Finding
    from themis.core.queue.admin.relocation import Relocated, Told


def told(*, fix: bool, moved: bool, copied: bool) -> "Told | None":
    """What was said of a queue on the command line.

    Raises:
        UsageError: both, or without --fix.
    """
    if moved and copied:
        message = "give --moved or --copied, not both"
        raise click.UsageError(message, click.get_current_context())
    if (moved or copied) and not fix:
        message = "--moved and --copied need --fix"
        raise click.UsageError(message, click.get_current_context())
    return "moved" if moved else "copied" if copied else None


def finding_of(error: QueueElsewhereError) -> "Finding":
    """The one thing that is wrong with a queue that nobody may use: nothing else of it is looked at."""
    from themis.core.queue.admin.doctor import Finding

    return Finding(str(error.facts["path"]), str(error.facts["problem"]), advice=str(error.facts["advice"]))


def relocate(queue: "FileQueue", word: "Told") -> bool:
    """Bring a queue's paths up to date, and say what that came to; False when jobs were left that are in use."""
    found = queue.admin.relocate(word)
    if found is None:
        note(f"the queue lies where it says, {queue.path}: it was not {word}")
        return True
    _explain(found, word)
    if found.left:
        note(f"{len(found.left):,} jobs are in use: stop their workers, then say it again; the first: {found.left[0]}")
    return not found.left


def _explain(found: "Relocated", word: str) -> None:
    note(f"{word} from {found.was}: the paths of {found.jobs:,} jobs were brought up to date")
    for path in found.stores:
        note(f"its results store is {path}")
    for path in found.let_go:
        note(f"{path} was not copied with it: the jobs in there are the original's alone")
