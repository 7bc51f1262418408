"""Ways to say what was submitted: a line for people, or a JSON object for programs."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from themis.cli.terminal.colours import Part, of_state, say_lines
from themis.cli.terminal.output import emit, is_for_people
from themis.cli.terminal.prose import say_command
from themis.cli.terminal.widths import flowed, terminal_width
from themis.cli.views.run_table import ID_CHARACTERS
from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT

if TYPE_CHECKING:
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
            "manifest_path": str(manifest.manifest_path),
            "mode": manifest.mode,
        }
    )


def say_next(manifest: "SubmissionManifest") -> None:
    """Print the command that shows what becomes of a submission."""
    if manifest.mode == "batch":
        say_command("next", f"themis batch run --request {shlex.quote(str(_short(manifest.manifest_path)))}")
        return
    root = _short(manifest.manifest_path.parent.parent)
    place = "" if root == Path(DEFAULT_QUEUE_ROOT) else f" --queue-root {shlex.quote(str(root))}"
    say_command("next", f"themis queue watch{place}")


def _say(manifest: "SubmissionManifest") -> None:
    is_new = manifest.status == "pending"
    state = ("requested" if manifest.mode == "batch" else "queued") if is_new else manifest.status
    ids = f"run {manifest.run_id[:ID_CHARACTERS]}"
    if manifest.mode != "batch":
        key = manifest.manifest_path.stem.split("-")[-1].split(".")[0]
        ids += f", job {key[:ID_CHARACTERS]}"
    title = f"({manifest.name}, {ids})" if manifest.name else f"({ids})"
    total = manifest.snapshot.total_cases
    cases = "1 case" if total == 1 else f"{total:,} cases"
    lines = flowed([state, cases, title], terminal_width() or 10_000, first="", then="  ")
    first = (Part(state, of_state(state)), Part(lines[0][len(state) :]))
    say_lines([first, *((Part(line),) for line in lines[1:])])


def _short(path: Path) -> Path:
    """A path relative to the current folder, if it is in it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
