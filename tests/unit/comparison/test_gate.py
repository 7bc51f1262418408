"""The gate: verdicts on benchmarks, and the decision that follows."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from themis.core.comparison.gate import Decision, Judged, Measured, Verdict, decision, judged
from themis.core.comparison.gate_policy import GatePolicy, GateRule

PASSED, FAILED, UNDECIDED, MISSING = Verdict


def rule(**limits: Any) -> GateRule:
    return GateRule(**{"name": "gsm8k", "candidate": "new.yaml", "baseline": "old.yaml", **limits})


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (Measured(0.8, 0.75, 0.85), PASSED),
        (Measured(0.8, 0.65, 0.95), UNDECIDED),
        (Measured(0.6, 0.55, 0.65), FAILED),
        (Measured(0.8), UNDECIDED),
        (Measured(), MISSING),
        (Measured(math.nan, 0.7, 0.9), MISSING),
    ],
)
def test_a_threshold_is_kept_broken_or_undecided(measured: Measured, verdict: Verdict) -> None:
    assert judged(rule(threshold=0.7), measured).verdict is verdict


def test_by_the_mean_alone_nothing_is_undecided_but_a_nan_is_still_not_measured() -> None:
    limit = rule(threshold=0.7)
    assert judged(limit, Measured(0.7, 0.6, 0.8), by_interval=False).verdict is PASSED
    assert judged(limit, Measured(0.69), by_interval=False).verdict is FAILED
    assert judged(limit, Measured(math.nan), by_interval=False).verdict is MISSING


def test_where_less_is_better_a_rise_is_a_drop() -> None:
    limit = rule(max_drop=0.02, threshold=0.1, direction="lower")
    assert judged(limit, Measured(0.05, 0.04, 0.06), difference=Measured(0.01, 0.0, 0.015)).verdict is PASSED
    found = judged(limit, Measured(0.05, 0.04, 0.06), difference=Measured(0.05, 0.03, 0.07))
    assert found.verdict is FAILED
    assert found.reason == "largest drop 0.02, difference +0.0500"
    assert judged(limit, Measured(0.2, 0.15, 0.25), difference=Measured(0.0, -0.01, 0.01)).verdict is FAILED


def test_a_relative_drop_is_a_share_of_the_baseline_unless_that_is_almost_nothing() -> None:
    limit = rule(max_relative_drop=0.1)
    difference = Measured(-0.03, -0.04, -0.02)
    assert judged(limit, Measured(0.37), Measured(0.4), difference).verdict is PASSED
    assert judged(limit, Measured(0.1), Measured(0.13), difference).verdict is FAILED
    found = judged(limit, Measured(0.0), Measured(0.03), difference)
    assert found == Judged(limit, PASSED, "the baseline of 0.03 is below 0.05, so no relative drop is judged")
    assert judged(limit, Measured(0.4), Measured(), difference).verdict is MISSING


def not_measured(value: float | None) -> list[Measured]:
    return [Measured(value), Measured(value, 0.7, 0.9), Measured(value, value, value)]


@pytest.mark.parametrize("by_interval", [True, False])
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_what_is_no_number_is_not_measured_whatever_limits_it(
    direction: str, value: float | None, by_interval: bool
) -> None:
    good, known = Measured(0.5, 0.5, 0.5), Measured(0.0, 0.0, 0.0)
    for odd in not_measured(value):
        for limits, measured in (
            ({"threshold": 0.5}, (odd,)),
            ({"max_drop": 0.1}, (good, good, odd)),
            ({"max_relative_drop": 0.1}, (good, good, odd)),
            ({"max_relative_drop": 0.1}, (good, odd, known)),
            ({"max_relative_drop": 0.1}, (odd, Measured(0.01), odd)),
            ({"threshold": 0.5, "max_drop": 0.1}, (odd, good, known)),
        ):
            found = judged(rule(direction=direction, **limits), *measured, by_interval=by_interval)
            assert found.verdict is MISSING, (limits, odd)
            assert "not measured" in found.reason


def test_an_interval_that_is_no_number_decides_nothing() -> None:
    assert judged(rule(threshold=0.7), Measured(0.8, math.nan, math.nan)).verdict is UNDECIDED
    assert judged(rule(threshold=0.7), Measured(0.6, math.nan, math.nan)).verdict is UNDECIDED


def test_the_worst_limit_decides() -> None:
    limit = rule(max_drop=0.05, threshold=0.5)
    found = judged(limit, Measured(0.6, 0.55, 0.65), difference=Measured(-0.1, -0.12, -0.08))
    assert (found.verdict, found.reason) == (FAILED, "largest drop 0.05, difference -0.1000")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("critical passed, critical passed, supporting passed, supporting failed, advisory failed", Decision.GO),
        ("critical passed, supporting failed, supporting failed", Decision.NO_GO),
        ("critical passed, supporting failed, supporting undecided", Decision.UNDECIDED),
        ("critical passed, supporting missing", Decision.NO_GO),
        ("critical passed, supporting missing, supporting undecided, advisory passed", Decision.NO_GO),
        ("critical undecided, supporting passed", Decision.UNDECIDED),
        ("critical undecided, critical failed", Decision.NO_GO),
        ("critical missing", Decision.NO_GO),
        ("advisory missing, advisory failed, advisory undecided", Decision.GO),
    ],
)
def test_the_decision_follows_from_tiers(verdicts: str, expected: Decision) -> None:
    found = [
        Judged(rule(name=f"b{no}", tier=words.split()[0], threshold=0.5), Verdict(words.split()[1]), "")
        for no, words in enumerate(verdicts.split(", "))
    ]
    policy = GatePolicy(benchmarks=[one.rule for one in found], max_failed_supporting=1)
    assert decision(policy, found) is expected


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"benchmarks": []}, "at least 1 item"),
        ({"benchmarks": [{"name": "a", "candidate": "c"}]}, "a has no limit: give it max_drop, max_relative_drop or"),
        ({"benchmarks": [{"name": "a", "candidate": "c", "max_drop": 0.1}]}, "a limits a drop, so it needs a baseline"),
        ({"benchmarks": [{"name": "a", "candidate": "c", "threshold": "nan"}]}, "finite number"),
        ({"benchmarks": [{"name": "a", "candidate": "c", "threshold": 1}] * 2}, "two benchmarks are named a"),
        ({"benchmarks": [{"name": "a", "candidate": "c", "threshold": 1, "max_drp": 1}]}, "max_drp"),
    ],
)
def test_a_policy_that_decides_nothing_is_refused(document: Any, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        GatePolicy.model_validate(document)
