"""Rules for one provider, from the configurations of the runs that ask it: the strictest hold."""

from collections.abc import Iterable
from dataclasses import dataclass

from themis.core.config import RuntimeConfig
from themis.core.engine.limits.adaptive import AdaptiveBounds
from themis.core.values.adaptive import AdaptiveConfig


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """The limits of a provider; None where it has none of that kind.

    Attributes:
        concurrency: calls in flight that the configuration and the operator allow.
        requests_per_minute, tokens_per_minute: its quotas.
        adaptive: the bounds of the concurrency that follows the provider's answers.
    """

    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    adaptive: AdaptiveBounds | None = None

    @property
    def most(self) -> int | None:
        """Calls in flight that are allowed at most."""
        return self.concurrency if self.adaptive is None else self.adaptive.most


@dataclass(frozen=True, slots=True)
class RunRules:
    """Rules for a provider in one run's configuration.

    Attributes:
        tasks: its calls in flight to anything.
    """

    tasks: int
    concurrency: int | None
    requests_per_minute: float | None
    tokens_per_minute: float | None
    adaptive: AdaptiveConfig | None


def rules_of(runtime: RuntimeConfig, provider: str) -> RunRules:
    """Return what `runtime` says about `provider`."""
    return RunRules(
        tasks=runtime.max_concurrent_tasks,
        concurrency=runtime.provider_concurrency.get(provider),
        requests_per_minute=runtime.provider_rate_limits.get(provider),
        tokens_per_minute=runtime.provider_token_limits.get(provider),
        adaptive=runtime.adaptive,
    )


def strictest(runs: Iterable[RunRules], operator: int | None = None) -> ProviderRules:
    """Return the limits that satisfy all `runs`, and an operator who allows so many calls in flight."""
    rules = list(runs)
    given = [*(rule.concurrency for rule in rules), operator]
    concurrency = min((calls for calls in given if calls is not None), default=None)
    adaptive = [rule.adaptive for rule in rules if rule.adaptive is not None]
    bounds = None
    if adaptive:
        allowed = [one.max for one in adaptive if one.max is not None] + ([concurrency] if concurrency else [])
        most = min(allowed, default=sum(rule.tasks for rule in rules))
        least = min(most, *(one.min for one in adaptive))
        bounds = AdaptiveBounds(least, max(least, min(most, *(one.start for one in adaptive))), most)
    return ProviderRules(
        concurrency=concurrency,
        requests_per_minute=min((r.requests_per_minute for r in rules if r.requests_per_minute), default=None),
        tokens_per_minute=min((r.tokens_per_minute for r in rules if r.tokens_per_minute), default=None),
        adaptive=bounds,
    )
