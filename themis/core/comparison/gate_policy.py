"""Policy of a release: which benchmarks count, how much, and how far each may fall."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from themis.core.base import FrozenModel

Tier = Literal["critical", "supporting", "advisory"]

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class GateRule(FrozenModel):
    """One benchmark of a policy: a metric of a run, and its limits.

    Attributes:
        name: of the benchmark, unique in the policy.
        candidate: the run to judge: a config file, a run id or the beginning of one.
        baseline: the run that it must not fall behind; needed by `max_drop` and `max_relative_drop`.
        metric: id of the metric; may be left out where the run has one metric.
        figure: name of one of its figures over the run, instead of its mean.
        tier: `critical` benchmarks must all pass; of the `supporting` ones so many may fail as the policy allows; an
            `advisory` one is only shown.
        direction: whether more is better (`higher`) or less is (`lower`).
        max_drop: how far the candidate may be behind the baseline, in the unit of the metric.
        max_relative_drop: the same as a share of the baseline's value.
        smallest_baseline: below it `max_relative_drop` does not apply: a share of almost nothing means nothing.
        threshold: the worst value that the candidate may have.
    """

    name: str
    candidate: str
    baseline: str | None = None
    metric: str | None = None
    figure: str | None = None
    tier: Tier = "critical"
    direction: Literal["higher", "lower"] = "higher"
    max_drop: Amount | None = None
    max_relative_drop: Share | None = None
    smallest_baseline: Amount = 0.05
    threshold: Number | None = None

    @model_validator(mode="after")
    def _has_a_limit(self) -> "GateRule":
        if self.max_drop is None and self.max_relative_drop is None and self.threshold is None:
            msg = f"{self.name} has no limit: give it max_drop, max_relative_drop or threshold"
            raise ValueError(msg)
        if self.baseline is None and (self.max_drop is not None or self.max_relative_drop is not None):
            msg = f"{self.name} limits a drop, so it needs a baseline"
            raise ValueError(msg)
        return self


class GatePolicy(FrozenModel):
    """Benchmarks that decide whether a model may be released.

    Attributes:
        benchmarks: at least one, each judged for itself.
        max_failed_supporting: how many supporting benchmarks may fail.
        decide_by: `interval`: a limit is kept, or broken, only where the whole 95 % interval is on that side of it, and
            undecided otherwise; `mean`: by the value alone, so that nothing is undecided.
    """

    benchmarks: Annotated[list[GateRule], Field(min_length=1)]
    max_failed_supporting: Annotated[int, Field(ge=0)] = 0
    decide_by: Literal["interval", "mean"] = "interval"

    @model_validator(mode="after")
    def _names_are_unique(self) -> "GatePolicy":
        names = [rule.name for rule in self.benchmarks]
        for name in names:
            if names.count(name) > 1:
                msg = f"two benchmarks are named {name}"
                raise ValueError(msg)
        return self
