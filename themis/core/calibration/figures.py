"""Figures of a calibration: agreement with people, rates, bias of position and of length, self-consistency."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from themis.core.calibration.models import BaseRate, Figure, LengthBias, LengthCorrelation, PositionBias
from themis.core.statistics.agreement import cohens_kappa, raw_agreement
from themis.core.statistics.correlation import Correlation, point_biserial, spearman
from themis.core.statistics.intervals import wilson
from themis.core.statistics.kappa_interval import kappa_interval
from themis.core.statistics.order_effects import Winner, order_effects

NOTHING_COMPARED = "no labelled case has a verdict"


class Compared(NamedTuple):
    """A case with both: the label of people and the verdict of the judge, each with what it is worth on the scale.

    Attributes:
        length: characters of the answer; None when it is not known.
    """

    people: str
    judge: str
    people_worth: float | None
    judge_worth: float | None
    length: float | None


def agreement_figures(cases: Sequence[Compared]) -> dict[str, Any]:
    """Return kappa, agreement, base rates and the confusion matrix, by the names of the fields of a calibration."""
    people, judge = [case.people for case in cases], [case.judge for case in cases]
    found = cohens_kappa(people, judge)
    if found is None:
        nothing = Figure.missing(NOTHING_COMPARED)
        return {"kappa": nothing, "agreement": nothing}
    kappa = Figure.missing(f"people and judge call all {len(cases):,} cases {judge[0]}")
    if found.kappa is not None:
        kappa = Figure.measured(found.kappa, kappa_interval(people, judge), len(cases))
    confusion: dict[str, dict[str, int]] = {}
    for (label, verdict), count in sorted(Counter(zip(people, judge, strict=True)).items()):
        confusion.setdefault(label, {})[verdict] = count
    rates = {str(label): BaseRate(people=ours, judge=theirs) for label, (ours, theirs) in found.base_rates.items()}
    agreed = sum(one == other for one, other in zip(people, judge, strict=True))
    return {"kappa": kappa, "agreement": share(agreed, len(cases)), "base_rates": rates, "confusion": confusion}


def rates(cases: Sequence[Compared], positive: Sequence[str], why_none: str) -> dict[str, Any]:
    """Return the true-positive and the true-negative rate.

    Args:
        cases: those compared.
        positive: the verdicts that count as positive; none when it is not said which.
        why_none: the reason in that case.
    """
    if not positive:
        return {"true_positive_rate": Figure.missing(why_none), "true_negative_rate": Figure.missing(why_none)}
    named = " or ".join(positive)
    of_both = {
        is_positive: [case for case in cases if (case.people in positive) is is_positive]
        for is_positive in (True, False)
    }
    right = {
        is_positive: sum((case.judge in positive) is is_positive for case in found)
        for is_positive, found in of_both.items()
    }
    missing = {True: f"people call no compared case {named}", False: f"people call each compared case {named}"}
    found = {
        is_positive: share(right[is_positive], len(of_both[is_positive]))
        if of_both[is_positive]
        else Figure.missing(missing[is_positive] if cases else NOTHING_COMPARED)
        for is_positive in (True, False)
    }
    return {"true_positive_rate": found[True], "true_negative_rate": found[False]}


def share(successes: float, count: int) -> Figure:
    """Return a share with Wilson's interval; of values between 0 and 1 it is wider than it need be."""
    return Figure.measured(successes / count, wilson(successes, count), count)


def rank_correlation(cases: Sequence[Compared], *, scale_of_two: bool) -> Figure:
    """Return the rank correlation of what label and verdict are worth."""
    if scale_of_two:
        return Figure.missing("the scale has two verdicts, of which kappa says all")
    worths = [
        (case.people_worth, case.judge_worth)
        for case in cases
        if case.people_worth is not None and case.judge_worth is not None
    ]
    if len(worths) < len(cases) or not cases:
        return Figure.missing("it is not known what the verdicts are worth" if cases else NOTHING_COMPARED)
    people, judge = zip(*worths, strict=True)
    return _correlated(spearman(people, judge), len(cases), "people or judge give every compared case the same verdict")


def position_bias(by_case: Iterable[Sequence[tuple[Winner, Winner]]]) -> PositionBias:
    """Return the effects of order over pairs that were judged in both orders, given for each case.

    An interval counts each case once, however many verdicts it has: these depend on each other.
    """
    cases = [pairs for pairs in by_case if pairs]
    found = order_effects(pair for pairs in cases for pair in pairs)
    if found is None:
        nothing = Figure.missing("no pair of answers was judged in both orders")
        return PositionBias(first_shown_share=nothing, order_agreement=nothing, order_kappa=nothing)
    decided = sum(any(winner is not None for pair in pairs for winner in pair) for pairs in cases)
    first = Figure.missing("each verdict is a tie")
    if found.first_shown_share is not None:
        interval = wilson(found.first_shown_share * decided, decided)
        first = Figure.measured(found.first_shown_share, interval, decided)
    kappa = Figure.missing("the winner is the same everywhere, in both orders")
    if found.kappa is not None:
        orders = [[pair[at] for pairs in cases for pair in pairs] for at in (0, 1)]
        one_each = all(len(pairs) == 1 for pairs in cases)
        kappa = Figure.measured(found.kappa, kappa_interval(*orders) if one_each else None, len(cases))
    agreement = Figure.measured(found.agreement, wilson(found.agreement * len(cases), len(cases)), len(cases))
    return PositionBias(first_shown_share=first, order_agreement=agreement, order_kappa=kappa)


def length_bias(cases: Sequence[Compared], *, scale_of_two: bool) -> LengthBias:
    """Return the correlation of the verdicts with the length of the answer, and that of the labels."""
    measured = [case for case in cases if case.length is not None]
    lengths = [case.length or 0.0 for case in measured]

    def of(worth: Callable[[Compared], float | None]) -> LengthCorrelation:
        worths = [value for case in measured if (value := worth(case)) is not None]
        if not measured or len(worths) < len(measured):
            why = "the lengths of the answers are not known" if cases else NOTHING_COMPARED
            nothing = Figure.missing("it is not known what the verdicts are worth" if measured else why)
            return LengthCorrelation(point_biserial=nothing, spearman=nothing)
        same = "each verdict is the same, or each answer as long"
        linear = Figure.missing("the scale does not have two verdicts")
        if scale_of_two:
            best = max(worths)
            linear = _correlated(point_biserial([value == best for value in worths], lengths), len(measured), same)
        return LengthCorrelation(
            point_biserial=linear, spearman=_correlated(spearman(worths, lengths), len(measured), same)
        )

    return LengthBias(judge=of(lambda case: case.judge_worth), people=of(lambda case: case.people_worth))


def _correlated(found: Correlation | None, count: int, why_none: str) -> Figure:
    return Figure.missing(why_none) if found is None else Figure.measured(found.value, found.interval, count)


def self_consistency(by_case: Iterable[Sequence[Sequence[str]]]) -> Figure:
    """Return the share of pairs of equal verdicts among the repeats of a question, as a mean over cases."""
    shares = [agreed for repeats in by_case if (agreed := raw_agreement(repeats)) is not None]
    if not shares:
        return Figure.missing("no question was asked more than once")
    return share(math.fsum(shares), len(shares))
