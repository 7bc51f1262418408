"""`themis limits list` and `set`: the limits of providers in all processes of this user, and the operator's own."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli import errors
from themis.cli.command import group, json_option
from themis.cli.terminal.fitted_table import Column, fitted, terminal_width
from themis.cli.terminal.output import emit, is_for_people, note, one_line, say
from themis.core.values.bounds import MOST_COUNT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.shared_limits.document import LimitDocument

_COLUMNS = (
    Column("provider", least=24),
    Column("set", right=True),
    Column("limit now"),
    Column("in flight", right=True),
    Column("waiting", right=True, drop=1),
    Column("why", least=16, drop=3),
    Column("pid", right=True, drop=2),
)


@group("limits", "themis limits list", "themis limits set openai:https://api.openai.com/v1 --max-concurrent 24")
def limits() -> None:
    """Show how much the providers of models are asked now, and set how much they may be asked."""


@limits.command("list", examples=["themis limits list", "themis limits list --json"])
@json_option
def list_limits(*, as_json: bool) -> int:
    """List the limits that were set, and the processes of this user that ask a provider now.

    Exits with 4 when a file of a limit cannot be read, so that not all are shown.
    """
    from themis.core.errors import LimitFileError
    from themis.core.shared_limits.folder import limits_folder
    from themis.core.shared_limits.limit_file import all_limits

    folder = limits_folder()
    looked_at = list(all_limits(folder))
    found = sorted((one for one in looked_at if not isinstance(one, LimitFileError)), key=lambda one: one.provider)
    unreadable = [one for one in looked_at if isinstance(one, LimitFileError)]
    if not is_for_people(as_json=as_json):
        emit({"limits_dir": str(folder), "providers": [_document(one) for one in found]})
    elif found:
        _show(found)
    else:
        note(f"no provider is asked now, and no limit is set ({folder})")
    for error in unreadable:
        note(f"left out: {error}; themis limits set writes it again, or remove it")
    return errors.UNAVAILABLE if unreadable else 0


@limits.command(
    "set",
    examples=[
        "themis limits set openai:https://api.openai.com/v1 --max-concurrent 24",
        "themis limits set openai:https://api.openai.com/v1 --clear",
    ],
)
@click.argument("provider")
@click.option(
    "--max-concurrent",
    type=click.IntRange(1, MOST_COUNT),
    metavar="N",
    help="Calls that each process may have in flight.",
)
@click.option("--clear", is_flag=True, help="Remove what was set.")
@json_option
def set_limit(*, provider: str, max_concurrent: int | None, clear: bool, as_json: bool) -> None:
    """Set how many calls to a provider each process of this user may have in flight; running ones follow in a second.

    PROVIDER is a name as `themis limits list` shows it, which is the generator's provider_key. What an experiment's
    configuration allows is not exceeded: the lower of the two holds.
    """
    from themis.core.configuration.provider_names import public_name
    from themis.core.shared_limits.limit_file import LimitFile

    name = public_name(provider)
    if (max_concurrent is not None) == clear or not name:
        message = "give --max-concurrent or --clear, not both" if name else "PROVIDER is empty"
        raise click.UsageError(message, click.get_current_context())
    before: list[int | None] = []

    def change(document: "LimitDocument") -> "LimitDocument":
        before.append(document.max_concurrent)
        return replace(document, max_concurrent=max_concurrent)

    file = LimitFile(name)
    after = file.update(change, repair=True)
    if is_for_people(as_json=as_json):
        allowed = "as many calls at once as its runs allow" if clear else f"at most {max_concurrent:,} calls at once"
        say(one_line(f"{name}: {allowed} in each process"))
    else:
        emit({**_document(after), "before": before[0]})
    if not after.holders and not clear:
        _note_unasked(name, file.path.parent)


def _note_unasked(name: str, folder: Path) -> None:
    """Print that no process asks a provider, and the name of one that is asked, if it is similar."""
    from themis.core.shared_limits.document import LimitDocument
    from themis.core.shared_limits.limit_file import all_limits
    from themis.core.text.nearest import nearest_hint

    asked = [one.provider for one in all_limits(folder) if isinstance(one, LimitDocument) and one.holders]
    note(f"no process asks {name} now; a run that does follows this from its first call{nearest_hint(name, asked)}")


def _document(limits: "LimitDocument") -> dict[str, Any]:
    from themis.core.shared_limits.document import holder_words

    states = [holder.state for holder in limits.holders]
    numbers = [state.limit for state in states if state.limit is not None]
    return {
        "provider": limits.provider,
        "max_concurrent": limits.max_concurrent,
        "limit": sum(numbers) if len(numbers) == len(states) and states else None,
        "in_flight": sum(state.in_flight for state in states),
        "waiting": sum(state.waiting for state in states),
        "processes": [holder_words(holder) for holder in limits.holders],
    }


def _show(found: "Sequence[LimitDocument]") -> None:
    rows: list[Sequence[Any]] = []
    for one in found:
        most = None if one.max_concurrent is None else f"{one.max_concurrent:,}"
        if not one.holders:
            rows.append((one.provider, most, None, None, None, "not asked now", None))
        for holder in one.holders:
            state = holder.state
            calls = (state.limit_text, f"{state.in_flight:,}", f"{state.waiting:,}", state.why)
            rows.append((one.provider, most, *calls, holder.process.pid))
    for line in fitted(_COLUMNS, rows, terminal_width()):
        say(line)
