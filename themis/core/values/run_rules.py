"""Rules for a provider: those of one run or one process, and those of the operator."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from themis.core.values.adaptive import AdaptiveConfig

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class RunRules:
    """Rules for a provider in the configuration of one run, or of all runs of a process together.

    Attributes:
        tasks: calls in flight to anything.
        concurrency: calls in flight to the provider; None for no limit, as in the next two.
        requests_per_minute, tokens_per_minute: its quotas.
        adaptive: bounds of the concurrency that follows its answers; None where none does.
    """

    tasks: int
    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    adaptive: AdaptiveConfig | None = None

    def divided(self, parts: int) -> "RunRules":
        """Return one of several equal parts, of those limits that are the provider's; a call may always be made."""
        if parts == 1:
            return self
        minute, tokens = self.requests_per_minute, self.tokens_per_minute
        return replace(
            self,
            concurrency=None if self.concurrency is None else max(self.concurrency // parts, 1),
            requests_per_minute=None if minute is None else minute / parts,
            tokens_per_minute=None if tokens is None else tokens / parts,
        )


@dataclass(frozen=True, slots=True)
class OperatorRules:
    """Rules that an operator sets for a provider; None where he sets none."""

    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


NO_OPERATOR = OperatorRules()


def lowest(numbers: Iterable[Number | None]) -> Number | None:
    """Return the lowest of limits, some of which may be None; None when all are."""
    return min((number for number in numbers if number is not None), default=None)


def together(runs: Iterable[RunRules]) -> RunRules:
    """Return the rules that satisfy all `runs`: each limit is the lowest, and their tasks add up."""
    rules = list(runs)
    adaptive = [one.adaptive for one in rules if one.adaptive is not None]
    return RunRules(
        tasks=sum(one.tasks for one in rules),
        concurrency=lowest(one.concurrency for one in rules),
        requests_per_minute=lowest(one.requests_per_minute for one in rules),
        tokens_per_minute=lowest(one.tokens_per_minute for one in rules),
        adaptive=AdaptiveConfig(
            min=min(one.min for one in adaptive),
            start=min(one.start for one in adaptive),
            max=lowest(one.max for one in adaptive),
        )
        if adaptive
        else None,
    )
