"""Spend of one execution of a run: the tokens of all its calls, answered or not, as a store keeps them.

An execution is what one process did of a run, from its start to its end. It writes the whole of its spend again and
again, with the outcomes that were paid for, so that repeating a write changes nothing. While it runs under a budget,
its spend also names a ceiling: the most that it can have used, whatever becomes of the process before its next write.
A batch that is submitted under a budget has a spend of its own, as it outlives its execution.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from themis.core.cost.tokens import KINDS, Tokens
from themis.core.text.canonical import compact_json

BATCH_TIER = "batch"
"""Service tier of answers in a batch."""

BAND_TOKENS = 1_000
"""Input tokens of one band: calls in it have one price, as prices depend on the length of the input in steps."""

_FIRST_BAND_TOKENS = 31_000  # no known price changes below
_NS = 1_000_000_000


class Fate(StrEnum):
    """End of a call, by what is known of its tokens."""

    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody has counted its tokens, as when it was cut off: they are the most that there can be, or 0 unbounded."""


class CallGroup(NamedTuple):
    """Calls that have one price.

    Attributes:
        day: days since 1970 UTC.
        provider: the `provider_key`; empty for a generator without one.
        model: the model that was asked for; empty when the generator names none.
        served: the model that answered; empty when that is unknown.
        tier: the service tier that the provider named, or `batch`; empty for the usual one.
        band: number of the band that the length of the input is in; 0 for those below 31,000 tokens.
        fate: a `Fate`.
    """

    day: int
    provider: str
    model: str
    served: str
    tier: str
    band: int
    fate: str

    @property
    def date(self) -> date:
        """Its day."""
        return date.fromordinal(date(1970, 1, 1).toordinal() + self.day)

    @property
    def input_tokens(self) -> int:
        """The fewest input tokens that a call in its band has."""
        return self.band * BAND_TOKENS + 1 if self.band else 0


def band_of(input_tokens: int) -> int:
    """Return the number of the band of a call with that much input."""
    return 0 if input_tokens <= _FIRST_BAND_TOKENS else (input_tokens - 1) // BAND_TOKENS


class Ceiling(NamedTuple):
    """The most that an execution can have used so far; None where that is not limited.

    Attributes:
        nano_usd: billionths of a US dollar.
        tokens: of all kinds.
    """

    nano_usd: int | None
    tokens: int | None


@dataclass(slots=True)
class Spend:
    """Calls of one execution, with their tokens.

    Attributes:
        groups: number of a generator's calls and their tokens, by what decides their price.
        judge_groups: the same of judges.
        ceiling: None without a budget, and once the execution has ended.
        has_ended: whether nothing is in flight any more.
        batch: the nonce of the batch that it is of, in place of an execution: it is reserved by one process, and may
            be settled by another one.
    """

    groups: dict[CallGroup, tuple[int, Tokens]] = field(default_factory=dict)
    judge_groups: dict[CallGroup, tuple[int, Tokens]] = field(default_factory=dict)
    ceiling: Ceiling | None = None
    has_ended: bool = False
    batch: str | None = None

    def add(self, group: CallGroup, calls: int, tokens: Tokens, *, of_judge: bool = False) -> None:
        """Add calls."""
        groups = self.judge_groups if of_judge else self.groups
        known = groups.get(group)
        groups[group] = (calls, tokens) if known is None else (known[0] + calls, known[1].plus(tokens))

    def text(self) -> str:
        """Return the spend as a store keeps it."""
        document = {
            "v": 1,
            "calls": _rows(self.groups),
            "ceiling": None if self.ceiling is None else list(self.ceiling),
            "ended": self.has_ended,
        }
        if self.judge_groups:
            document["judge_calls"] = _rows(self.judge_groups)
        return compact_json(document if self.batch is None else {**document, "batch": self.batch})


def read_spend(text: str) -> Spend:
    """Return the spend that a store keeps; of a later version's, what is known here."""
    document = json.loads(text)
    spend = Spend(has_ended=bool(document["ended"]), batch=document.get("batch"))
    if document["ceiling"] is not None:
        spend.ceiling = Ceiling(*document["ceiling"][:2])
    width = len(CallGroup._fields)
    for name, of_judge in (("calls", False), ("judge_calls", True)):
        for row in document.get(name, ()):
            tokens = Tokens(*row[width + 1 : width + 1 + len(KINDS)])
            spend.add(CallGroup(*row[:width]), row[width], tokens, of_judge=of_judge)
    return spend


def _rows(groups: dict[CallGroup, tuple[int, Tokens]]) -> list[list[Any]]:
    return [[*group, calls, *tokens] for group, (calls, tokens) in groups.items()]


def read_all(texts: Iterable[str]) -> list[Spend]:
    """Return the spends of all executions of a run."""
    return [read_spend(text) for text in texts]


def day_now(now_ns: int) -> int:
    """Return the days since 1970 UTC of a time in nanoseconds."""
    return now_ns // _NS // 86_400
