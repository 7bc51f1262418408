"""Ways to say what was submitted: a line for people, or a JSON object for programs."""

import shlex
from typing import TYPE_CHECKING

from themis.cli.terminal.output import ID_CHARACTERS, emit, is_for_people
from themis.cli.terminal.own_command import from_here
from themis.cli.terminal.prose import say_command, say_state
from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT
from themis.core.queue.model.predecessors import listed
from themis.core.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.submission import SubmissionManifest


def show_submitted(manifest: "SubmissionManifest") -> None:
    """Print a submission."""
    if is_for_people():
        _say(manifest)
        return
    emit(
        {
            "run_id": manifest.run_id,
            "name": manifest.name,
            "status": manifest.status,
            "manifest_path": None if manifest.manifest_path is None else str(manifest.manifest_path),
            "mode": manifest.mode,
            **({"after": manifest.after} if manifest.after else {}),
        }
        | ({} if manifest.shards is None else {"shards": manifest.shards})
    )


def say_next(manifest: "SubmissionManifest") -> None:
    """Print the command that shows what becomes of a submission."""
    if manifest.mode == "batch":
        say_command("next", f"themis batch run --request {shlex.quote(from_here(manifest.manifest_path))}")
        return
    root = str(manifest.queue) if manifest.manifest_path is None else from_here(manifest.manifest_path.parent.parent)
    place = "" if root == DEFAULT_QUEUE_ROOT else f" --queue-root {shlex.quote(root)}"
    say_command("next", f"themis queue watch{place}")


def _say(manifest: "SubmissionManifest") -> None:
    is_new = manifest.status == "pending"
    state = ("requested" if manifest.mode == "batch" else "queued") if is_new else manifest.status
    ids = f"run {manifest.run_id[:ID_CHARACTERS]}"
    if manifest.mode != "batch":
        ids += f", job {manifest.job[:ID_CHARACTERS]}" if manifest.job else ""
    title = f"({manifest.name}, {ids})" if manifest.name else f"({ids})"
    if is_new and manifest.after:
        state = "waiting"
        title += f", until {_jobs(manifest.after)} ended"
    cases = counted(manifest.snapshot.total_cases, "case")
    say_state(state, [cases if manifest.shards is None else f"{cases} in {manifest.shards} shards", title])


def _jobs(keys: "Sequence[str]") -> str:
    """Jobs that are waited for, as a part of a sentence."""
    return f"job {keys[0]} has" if len(keys) == 1 else f"{counted(len(keys), 'job')} ({listed(keys)}) have"
