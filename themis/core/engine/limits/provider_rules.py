"""Rules for one provider, from the configurations of the runs that ask it: the strictest hold."""

from collections.abc import Iterable
from dataclasses import dataclass

from themis.core.config import RuntimeConfig
from themis.core.engine.limits.adaptive import AdaptiveBounds
from themis.core.values.run_rules import NO_OPERATOR, OperatorRules, RunRules, lowest, together


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

    @property
    def are_metered(self) -> bool:
        """Whether there is a quota."""
        return self.requests_per_minute is not None or self.tokens_per_minute is not None

    @property
    def are_firm(self) -> bool:
        """Whether there is a limit that somebody has set, and that holds from the first call on."""
        return self.concurrency is not None or self.are_metered


def rules_of(runtime: RuntimeConfig, provider: str) -> RunRules:
    """Return what `runtime` says about `provider`."""
    return RunRules(
        tasks=runtime.max_concurrent_tasks,
        concurrency=runtime.provider_concurrency.get(provider),
        requests_per_minute=runtime.provider_rate_limits.get(provider),
        tokens_per_minute=runtime.provider_token_limits.get(provider),
        adaptive=runtime.adaptive,
    )


def strictest(runs: Iterable[RunRules], operator: OperatorRules = NO_OPERATOR) -> ProviderRules:
    """Return the limits that satisfy all `runs`, of this process and of others, and the operator."""
    rules = together(runs)
    concurrency = lowest([rules.concurrency, operator.concurrency])
    bounds = None
    if rules.adaptive is not None:
        most = lowest([rules.adaptive.max, concurrency])
        most = rules.tasks if most is None else most
        least = min(most, rules.adaptive.min)
        bounds = AdaptiveBounds(least, max(least, min(most, rules.adaptive.start)), most)
    return ProviderRules(
        concurrency=concurrency,
        requests_per_minute=lowest([rules.requests_per_minute, operator.requests_per_minute]),
        tokens_per_minute=lowest([rules.tokens_per_minute, operator.tokens_per_minute]),
        adaptive=bounds,
    )
