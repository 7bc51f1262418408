"""The decision of a release: each benchmark's verdict, and what follows from all of them.

A value that was not measured is neither a pass nor a failure of its benchmark; the release cannot go ahead without it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from themis.core.comparison.gate_policy import GatePolicy, GateRule


class Verdict(StrEnum):
    """Verdict on one benchmark."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    MISSING = "missing"


class Decision(StrEnum):
    """Decision on a release."""

    GO = "go"
    NO_GO = "no-go"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its 95 % interval; None where it was not measured, or has no interval."""

    value: float | None = None
    lower: float | None = None
    upper: float | None = None


NOT_MEASURED = Measured()


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdict on a benchmark.

    Attributes:
        rule: the benchmark.
        verdict: the worst of its limits.
        reason: the limit that decided, in words.
    """

    rule: GateRule
    verdict: Verdict
    reason: str


_WORST_FIRST = (Verdict.MISSING, Verdict.FAILED, Verdict.UNDECIDED, Verdict.PASSED)


def judged(
    rule: GateRule,
    candidate: Measured,
    baseline: Measured = NOT_MEASURED,
    difference: Measured = NOT_MEASURED,
    *,
    by_interval: bool = True,
) -> Judged:
    """Return the verdict on a benchmark: the worst of those on its limits.

    Args:
        rule: the benchmark.
        candidate: the candidate's value.
        baseline: the baseline's value.
        difference: the candidate's value without the baseline's, over the cases of both.
        by_interval: whether a limit must hold for the whole interval; else for the value.
    """
    found = [
        verdict
        for verdict in (
            _threshold(rule, candidate, by_interval=by_interval),
            _drop(rule, difference, rule.max_drop, "", by_interval=by_interval),
            _relative_drop(rule, baseline, difference, by_interval=by_interval),
        )
        if verdict is not None
    ]
    if not found:
        return _guarded(rule, candidate, baseline)
    return min(found, key=lambda one: _WORST_FIRST.index(one.verdict))


def decision(policy: GatePolicy, verdicts: Sequence[Judged]) -> Decision:
    """Return what follows: `NO_GO` beats `UNDECIDED`, which beats `GO`.

    So many supporting benchmarks may fail as the policy allows, but each must have been measured.
    """
    of_critical = {one.verdict for one in verdicts if one.rule.tier == "critical"}
    supporting = [one.verdict for one in verdicts if one.rule.tier == "supporting"]
    failed = _count(supporting, Verdict.FAILED)
    if Verdict.MISSING in of_critical.union(supporting):
        return Decision.NO_GO
    if Verdict.FAILED in of_critical or failed > policy.max_failed_supporting:
        return Decision.NO_GO
    perhaps_failed = failed + _count(supporting, Verdict.UNDECIDED)
    if Verdict.UNDECIDED in of_critical or perhaps_failed > policy.max_failed_supporting:
        return Decision.UNDECIDED
    return Decision.GO


def _count(verdicts: Iterable[Verdict], kind: Verdict) -> int:
    return sum(verdict is kind for verdict in verdicts)


def _threshold(rule: GateRule, candidate: Measured, *, by_interval: bool) -> Judged | None:
    if rule.threshold is None:
        return None
    margin = _signed(rule, candidate, -rule.threshold)
    return _limit(
        rule, margin, f"threshold {rule.threshold:g}", f"measured {_number(candidate)}", by_interval=by_interval
    )


def _drop(
    rule: GateRule, difference: Measured, most: float | None, relative: str, *, by_interval: bool
) -> Judged | None:
    if most is None:
        return None
    margin = _signed(rule, difference, most if rule.direction == "higher" else -most)
    limit = f"largest drop {most:.4g}{relative}"
    return _limit(rule, margin, limit, f"difference {_number(difference, '+')}", by_interval=by_interval)


def _relative_drop(rule: GateRule, baseline: Measured, difference: Measured, *, by_interval: bool) -> Judged | None:
    if rule.max_relative_drop is None:
        return None
    if baseline.value is None or not _is_measured(baseline):
        return Judged(rule, Verdict.MISSING, "the baseline was not measured")
    if abs(baseline.value) < rule.smallest_baseline:
        return None
    most = rule.max_relative_drop * abs(baseline.value)
    relative = f" ({rule.max_relative_drop:.2%} of {baseline.value:.4g})"
    return _drop(rule, difference, most, relative, by_interval=by_interval)


def _signed(rule: GateRule, found: Measured, offset: float) -> Measured:
    """How far a value is on the good side of its limit: less than 0 is bad."""
    ends = [None if one is None else one + offset for one in (found.value, found.lower, found.upper)]
    if rule.direction == "higher":
        return Measured(*ends)
    value, lower, upper = (None if one is None else -one for one in ends)
    return Measured(value, upper, lower)


def _number(found: Measured, sign: str = "") -> str:
    return "-" if found.value is None else f"{found.value:{sign}.4f}"


def _limit(rule: GateRule, margin: Measured, limit: str, found: str, *, by_interval: bool) -> Judged:
    """Return the verdict on a limit by the margin to it; `limit` and `found` say both in words."""
    if margin.value is None or not _is_measured(margin):
        return Judged(rule, Verdict.MISSING, f"{limit}: not measured")
    said = f"{limit}, {found}"
    if not by_interval:
        return Judged(rule, Verdict.PASSED if margin.value >= 0 else Verdict.FAILED, said)
    if margin.lower is None or margin.upper is None:
        return Judged(rule, Verdict.UNDECIDED, f"{said}, which has no interval")
    if margin.lower >= 0:
        return Judged(rule, Verdict.PASSED, said)
    verdict = Verdict.FAILED if margin.upper < 0 else Verdict.UNDECIDED
    return Judged(rule, verdict, said)


def _guarded(rule: GateRule, candidate: Measured, baseline: Measured) -> Judged:
    """Return the verdict where the baseline is so small that nothing is judged."""
    if not _is_measured(candidate):
        return Judged(rule, Verdict.MISSING, "the candidate was not measured")
    said = f"the baseline of {baseline.value:.4g} is below {rule.smallest_baseline:g}, so no relative drop is judged"
    return Judged(rule, Verdict.PASSED, said)


def _is_measured(found: Measured) -> bool:
    return found.value is not None and math.isfinite(found.value)
