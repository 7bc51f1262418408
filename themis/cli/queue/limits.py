"""`themis limits list` and `set`: the limits of providers in all processes of this user, and the operator's own."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from themis.cli import errors
from themis.cli.command import group, json_option
from themis.cli.terminal.fitted_table import Column, fitted
from themis.cli.terminal.output import emit, is_for_people, note, one_line, say
from themis.cli.terminal.widths import terminal_width
from themis.core.values.bounds import LEAST_RATE, MOST_COUNT, MOST_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from themis.core.shared_limits.document import LimitDocument
    from themis.core.shared_limits.holder import Holder
    from themis.core.shared_limits.quota_document import QuotaDocument
    from themis.core.values.run_rules import OperatorRules


class _Rate(click.FloatRange):
    """A number a minute; that which is not a number is refused too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if number != number:  # noqa: PLR0124  # as only "not a number" does
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


_RATE = _Rate(LEAST_RATE, MOST_RATE)

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
    from themis.core.shared_limits.quota_file import all_quotas

    folder = limits_folder()
    looked_at, quotas = list(all_limits(folder)), list(all_quotas(folder))
    found = sorted((one for one in looked_at if not isinstance(one, LimitFileError)), key=lambda one: one.provider)
    unreadable = [one for one in looked_at if isinstance(one, LimitFileError)]
    if not is_for_people(as_json=as_json):
        emit({"limits_dir": str(folder), "providers": [_document(one, quotas) for one in found]})
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
        "themis limits set openai:https://api.openai.com/v1 --requests-per-minute 600",
        "themis limits set openai:https://api.openai.com/v1 --clear",
    ],
)
@click.argument("provider")
@click.option(
    "--max-concurrent",
    type=click.IntRange(1, MOST_COUNT),
    metavar="N",
    help="Calls in flight, of all processes together.",
)
@click.option("--requests-per-minute", type=_RATE, metavar="N", help="Requests a minute, of all processes together.")
@click.option("--tokens-per-minute", type=_RATE, metavar="N", help="Tokens a minute, of all processes together.")
@click.option("--clear", is_flag=True, help="Remove what was set.")
@json_option
def set_limit(
    *,
    provider: str,
    max_concurrent: int | None,
    requests_per_minute: float | None,
    tokens_per_minute: float | None,
    clear: bool,
    as_json: bool,
) -> None:
    """Set how much a provider may be asked with one key; running processes of this user follow in a second.

    PROVIDER is a name as `themis limits list` shows it, which is the generator's provider_key. What an experiment's
    configuration allows is not exceeded: the lower of the two holds. A limit that is not named stays as it is.
    """
    from themis.core.configuration.provider_names import public_name
    from themis.core.shared_limits.document import settings_words
    from themis.core.shared_limits.limit_file import LimitFile
    from themis.core.values.run_rules import OperatorRules

    given: dict[str, Any] = {
        name: value
        for name, value in (
            ("concurrency", max_concurrent),
            ("requests_per_minute", requests_per_minute),
            ("tokens_per_minute", tokens_per_minute),
        )
        if value is not None
    }
    name = public_name(provider)
    if bool(given) == clear or not name:
        message = "give limits or --clear, not both" if name else "PROVIDER is empty"
        raise click.UsageError(message, click.get_current_context())
    before: list[LimitDocument] = []

    def change(document: "LimitDocument") -> "LimitDocument":
        before.append(document)
        return replace(document, operator=OperatorRules() if clear else replace(document.operator, **given))

    file = LimitFile(name)
    after = file.update(change, repair=True)
    if is_for_people(as_json=as_json):
        say(one_line(f"{name}: {_allowed(after.operator)}"))
    else:
        words = {f"before_{key}": value for key, value in settings_words(before[0].operator).items()}
        emit({**_document(after, []), "before": words.pop("before_max_concurrent"), **words})
    if not after.holders and not clear:
        _note_unasked(name, file.path.parent)


def _allowed(operator: "OperatorRules") -> str:
    """The limits that are set, for people."""
    parts = [
        (operator.concurrency, "calls at once"),
        (operator.requests_per_minute, "requests a minute"),
        (operator.tokens_per_minute, "tokens a minute"),
    ]
    told = [f"{number:,g} {what}" for number, what in parts if number is not None]
    return f"at most {', '.join(told)} for all processes together" if told else "as much as its runs allow"


def _note_unasked(name: str, folder: Path) -> None:
    """Print that no process asks a provider, and the name of one that is asked, if it is similar."""
    from themis.core.shared_limits.document import LimitDocument
    from themis.core.shared_limits.limit_file import all_limits
    from themis.core.text.nearest import nearest_hint

    asked = [one.provider for one in all_limits(folder) if isinstance(one, LimitDocument) and one.holders]
    note(f"no process asks {name} now; a run that does follows this from its first call{nearest_hint(name, asked)}")


def _document(limits: "LimitDocument", quotas: "Sequence[tuple[str, QuotaDocument]]") -> dict[str, Any]:
    from themis.core.shared_limits.document import holder_words, settings_words

    states = [holder.state for holder in limits.holders]
    return {
        "provider": limits.provider,
        **settings_words(limits.operator),
        "limit": _limit_now(limits.holders),
        "in_flight": sum(state.in_flight for state in states),
        "waiting": sum(state.waiting for state in states),
        "processes": [holder_words(holder) for holder in limits.holders],
        "shared": [_shared(account, one) for account, one in quotas if one.provider == limits.provider],
    }


def _limit_now(holders: "Sequence[Holder]") -> int | None:
    """The calls that all processes may have in flight; None for any number. Those with one key share theirs."""
    found: dict[str, int | None] = {}
    alone: list[int | None] = []
    for holder in sorted(holders, key=lambda one: one.at_ns):
        state = holder.state
        if state.processes > 1:
            found[holder.process.account] = state.shared_limit
        else:
            alone.append(state.limit)
    limits = [*alone, *found.values()]
    numbers = [limit for limit in limits if limit is not None]
    return sum(numbers) if limits and len(numbers) == len(limits) else None


def _shared(account: str, quota: "QuotaDocument") -> dict[str, Any]:
    """What processes share at one key, as JSON."""
    import time

    from themis.core.values.run_rules import together

    closed_s = quota.pause.until - time.monotonic()
    rules = together(holder.rules for holder in quota.holders.values())
    return {
        "account": account,
        "requests_per_minute": rules.requests_per_minute,
        "tokens_per_minute": rules.tokens_per_minute,
        "closed_for_s": round(closed_s, 1) if closed_s > 0 else 0.0,
        "why_closed": quota.pause.why if closed_s > 0 else "",
        "holders": [
            {
                "pid": holder.pid,
                "granted": holder.granted,
                "in_flight": holder.in_flight,
                "waiting": holder.waiting,
            }
            for holder in quota.holders.values()
        ],
    }


def _show(found: "Sequence[LimitDocument]") -> None:
    rows: list[Sequence[Any]] = []
    for one in found:
        most = _set_text(one.operator) or None
        if not one.holders:
            rows.append((one.provider, most, None, None, None, "not asked now", None))
        for holder in one.holders:
            state = holder.state
            why = "; ".join(filter(None, (state.why, state.shared_text)))
            calls = (state.limit_text, f"{state.in_flight:,}", f"{state.waiting:,}", why)
            rows.append((one.provider, most, *calls, holder.process.pid))
    for line in fitted(_COLUMNS, rows, terminal_width()):
        say(line)


def _set_text(operator: "OperatorRules") -> str:
    """The limits that are set, for a column: calls at once, requests and tokens a minute."""
    parts = [
        (operator.concurrency, ""),
        (operator.requests_per_minute, "/min"),
        (operator.tokens_per_minute, " tokens/min"),
    ]
    return ", ".join(f"{number:,g}{unit}" for number, unit in parts if number is not None)
