"""Cost of a run in reports: rows by kind of token, and the remarks beside them."""

from collections.abc import Iterator
from decimal import Decimal

from themis.core.cost.price_list import PriceList
from themis.core.cost.run_cost import Part, RunCost, cost_of
from themis.core.cost.spend import read_all
from themis.core.cost.tokens import KINDS
from themis.core.stores import RunStore
from themis.core.text.counts import counted

UNKNOWN = "unknown"

COST_COLUMNS = ("provider", "model", "kind", "tokens", "usd")
"""Columns of the CSV of costs."""

_CALLS = "calls"
_DIGITS = 9
_FEW_USD = 0.0001


def read_cost(store: RunStore, run_id: str) -> RunCost | None:
    """Return what a stored run has cost so far; None when it has asked no model.

    Raises:
        ConfigError: the user's file of prices cannot be read.
    """
    spends = store.spends(run_id)
    return cost_of(read_all(spends.values()), PriceList.read()) if spends else None


def dollars(usd: float | None) -> str:
    """Return an amount for people; a price that is unknown is not 0."""
    if usd is None:
        return UNKNOWN
    return f"${usd:,.4f}" if usd >= _FEW_USD or usd == 0 else f"${Decimal(f'{usd:.3g}'):f}"


def in_short(cost: RunCost) -> str:
    """Return the cost in one line: what it comes to, and the tokens by kind."""
    uncounted = cost.unknown.calls
    if uncounted and not cost.known.calls:
        return f"{dollars(cost.usd)}: nobody has counted the tokens of {counted(uncounted, 'call')}"
    kinds = zip(KINDS, cost.known.tokens, strict=True)
    tokens = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in kinds if count)
    return f"{dollars(cost.usd)} for {cost.known.calls:,} calls ({tokens or 'no'} tokens)"


def by_kind(cost: RunCost) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each kind of token that was used, for the calls themselves if they cost, and for all of it."""
    part = cost.known
    for kind, count in zip(KINDS, part.tokens, strict=True):
        if count:
            yield kind.replace("_", " "), f"{count:,}", _of_kind(part, kind)
    if part.usd is not None and part.usd.get(_CALLS):
        yield _CALLS, f"{part.calls:,}", _of_kind(part, _CALLS)
    yield "all", f"{part.tokens.total:,}", dollars(cost.usd)
    if cost.failed.calls:
        yield "of that without an answer", f"{cost.failed.tokens.total:,}", dollars(_float(cost.failed))


def remarks(cost: RunCost) -> Iterator[str]:
    """Yield sentences on what is not in the sum, and on where the prices come from."""
    if cost.unpriced:
        yield f"No price is known of {', '.join(sorted(cost.unpriced))}."
    if cost.unknown.calls:
        most = f", at most {dollars(_float(cost.unknown))} more" if cost.unknown.tokens.total else ""
        yield f"Nobody has counted the tokens of {counted(cost.unknown.calls, 'call')}{most}."
    if cost.lost_tokens or cost.lost_nano_usd:
        most_usd = None if cost.most_usd is None else float(cost.most_usd)
        yield f"With what processes left in flight that were killed, it is at most {dollars(most_usd)}."
    if cost.sources:
        yield f"Prices: {', '.join(sorted(cost.sources))}."


def cost_rows(cost: RunCost) -> Iterator[tuple[str, str, str, int, float | None]]:
    """Yield the rows of the CSV: tokens and dollars by provider, model and kind."""
    for (provider, model), part in sorted(cost.models.items()):
        for kind, count in zip(KINDS, part.tokens, strict=True):
            if count:
                usd = None if part.usd is None else round(float(part.usd.get(kind, 0)), _DIGITS)
                yield provider, model, kind, count, usd
        if part.usd is not None and part.usd.get(_CALLS):
            yield provider, model, _CALLS, part.calls, round(float(part.usd[_CALLS]), _DIGITS)


def _of_kind(part: Part, kind: str) -> str:
    return dollars(None if part.usd is None else float(part.usd.get(kind, 0)))


def _float(part: Part) -> float | None:
    total = part.total_usd
    return None if total is None else float(total)
