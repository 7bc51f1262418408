"""What to say where jobs wait and nobody works: most often a worker was forgotten, not a queue broken."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from themis.core.default_places import DEFAULT_QUEUE_ROOT


def start_one(root: Path, tags: Sequence[str] = ()) -> str:
    """How to start a worker of a queue, as it is to be typed here."""
    wanted = ["--tags", ",".join(tags)] if tags else []
    where = [] if root == Path(DEFAULT_QUEUE_ROOT).absolute() else ["--queue-root", str(root)]
    return f"start one with: {shlex.join(['themis', 'worker', *where, *wanted])}"


def nobody_works(root: Path, tags: Sequence[str] = ()) -> str | None:
    """What to do when no worker of a queue lives that has all `tags`; None when one does.

    A `themis worker run` is not registered: where a job runs, somebody may work all the same.
    """
    from workers.registry import workers_of

    if any(seen.alive and set(tags) <= set(seen.report.tags) for seen in workers_of(root)):
        return None
    which = " with its tags" if tags else ""
    return f"no worker{which} is running; {start_one(root, tags)}"
