"""Cost of a run: the spends of all its executions, added up and priced."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import NANO
from themis.core.cost.spend import CallGroup, Fate, Spend
from themis.core.cost.tokens import KINDS, Tokens

_DIGITS = 9


@dataclass(slots=True)
class Part:
    """Calls with one fate, or of one model.

    Attributes:
        calls: number of them.
        tokens: of all of them.
        usd: by kind, and under `calls` for the calls themselves; None once one of them has no price.
    """

    calls: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    usd: dict[str, Decimal] | None = field(default_factory=dict)

    def add(self, calls: int, tokens: Tokens, usd: dict[str, Decimal] | None) -> None:
        """Add calls with their cost; None for an unknown one."""
        self.calls += calls
        self.tokens = self.tokens.plus(tokens)
        if usd is None or self.usd is None:
            self.usd = None
        else:
            self.usd = {kind: self.usd.get(kind, Decimal()) + found for kind, found in usd.items()}

    @property
    def total_usd(self) -> Decimal | None:
        """US dollars altogether; None when they are unknown."""
        return None if self.usd is None else sum(self.usd.values(), Decimal())


@dataclass(slots=True)
class RunCost:
    """Cost of the calls of a run, over all its executions.

    Attributes:
        known: calls whose tokens the provider has counted, answered or not.
        failed: those of them that gave no answer.
        unknown: calls that were cut off; their tokens are the most that they can be, or 0 without a bound.
        judges: `known` and `unknown` calls of judges; the others are the generator's.
        models: `known` and `unknown` by provider and model.
        lost_nano_usd, lost_tokens: the most that executions that were killed used beyond what they had written, and
            that batches use whose results are not stored yet.
        killed: number of executions that did not end, the present one included.
        unpriced: models without a price.
        sources: where the prices come from.
    """

    known: Part = field(default_factory=Part)
    failed: Part = field(default_factory=Part)
    unknown: Part = field(default_factory=Part)
    judges: Part = field(default_factory=Part)
    models: dict[tuple[str, str], Part] = field(default_factory=dict)
    lost_nano_usd: int = 0
    lost_tokens: int = 0
    killed: int = 0
    unpriced: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)

    @property
    def usd(self) -> float | None:
        """US dollars of `known`; None when a price is unknown."""
        return None if self.unpriced else _number(self.known.total_usd)

    @property
    def most_usd(self) -> Decimal | None:
        """US dollars that it can have cost at most; None when a price is unknown."""
        known, unknown = self.known.total_usd, self.unknown.total_usd
        return None if known is None or unknown is None else known + unknown + self.lost_nano_usd / NANO

    @property
    def most_tokens(self) -> int:
        """Tokens that it can have used at most."""
        return self.known.tokens.total + self.unknown.tokens.total + self.lost_tokens

    def document(self) -> dict[str, Any]:
        """The cost as JSON; an amount of dollars is null where a price is unknown."""
        counted = self.known
        by_kind = None if self.unpriced else counted.usd
        return {
            "usd": self.usd,
            "by_kind": {
                kind: {"tokens": count, "usd": None if by_kind is None else _number(by_kind.get(kind, Decimal()))}
                for kind, count in zip(KINDS, counted.tokens, strict=True)
            },
            "tokens": counted.tokens.total,
            "calls": counted.calls,
            "failed": _document(self.failed),
            "unknown": {**_document(self.unknown), "executions": self.killed},
            "most_usd": _number(self.most_usd),
            "most_tokens": self.most_tokens,
            **({"judges": _document(self.judges)} if self.judges.calls else {}),
            "models": [
                {"provider": provider, "model": model, **_document(part)}
                for (provider, model), part in sorted(self.models.items())
            ],
            "unpriced": sorted(self.unpriced),
            "prices": sorted(self.sources),
        }

    def add(self, group: CallGroup, calls: int, tokens: Tokens, prices: PriceList, *, of_judge: bool = False) -> None:
        """Add calls."""
        rates = prices.rates(group)
        if group.fate == Fate.UNKNOWN:
            usd = prices.highest(group, tokens, calls)
        else:
            usd = None if rates is None else rates.cost(tokens, calls)
        name = group.served or group.model
        if rates is None:
            self.unpriced.add(name or group.provider)
        else:
            self.sources.add(rates.source)
        parts = [self.models.setdefault((group.provider, name), Part())]
        parts.append(self.unknown if group.fate == Fate.UNKNOWN else self.known)
        if group.fate == Fate.FAILED:
            parts.append(self.failed)
        if of_judge:
            parts.append(self.judges)
        for part in parts:
            part.add(calls, tokens, usd)


def cost_of(spends: Iterable[Spend], prices: PriceList) -> RunCost | None:
    """Return what a run has cost; None when it has asked no model."""
    cost, has_any = RunCost(), False
    for spend in spends:
        has_any = True
        own = RunCost()
        for of_judge, groups in ((False, spend.groups), (True, spend.judge_groups)):
            for group, (calls, tokens) in groups.items():
                for total in (cost, own):
                    total.add(group, calls, tokens, prices, of_judge=of_judge)
        if not spend.has_ended and spend.batch is None:
            cost.killed += 1
        if spend.ceiling is not None:
            usd, most_tokens = spend.ceiling
            written = own.most_usd
            if usd is not None and written is not None:
                cost.lost_nano_usd += max(0, usd - int(written * NANO))
            if most_tokens is not None:
                cost.lost_tokens += max(0, most_tokens - own.most_tokens)
    return cost if has_any else None


def _document(part: Part) -> dict[str, Any]:
    return {"calls": part.calls, "tokens": part.tokens.total, "usd": _number(part.total_usd)}


def _number(usd: Decimal | None) -> float | None:
    return None if usd is None else round(float(usd), _DIGITS)
