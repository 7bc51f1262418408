"""Figures of a calibration, from verdicts and labels of known tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.calibration.figures import (
    NOTHING_COMPARED,
    Compared,
    agreement_figures,
    length_bias,
    position_bias,
    rank_correlation,
    rates,
    self_consistency,
)
from themis.core.statistics.intervals import wilson


def compared(people: str, judge: str, length: float | None = None) -> Compared:
    worth = {"PASS": 1.0, "PARTLY": 0.5, "FAIL": 0.0}
    return Compared(people, judge, worth.get(people), worth.get(judge), length)


def table(passed_both: int, failed_by_judge: int, passed_by_judge: int, failed_both: int) -> list[Compared]:
    counts = {
        ("PASS", "PASS"): passed_both,
        ("PASS", "FAIL"): failed_by_judge,
        ("FAIL", "PASS"): passed_by_judge,
        ("FAIL", "FAIL"): failed_both,
    }
    return [compared(*pair) for pair, count in counts.items() for _ in range(count)]


def test_kappa_is_that_of_a_published_table_of_two_readers() -> None:
    """Of fifty applications both accept 20 and both reject 15; one alone accepts 5, the other alone 10: 0.4."""
    found = agreement_figures(table(20, 5, 10, 15))
    assert found["kappa"].value == pytest.approx(0.4)
    assert found["kappa"].count == 50
    assert found["agreement"].value == 0.7
    assert (found["agreement"].ci_lower, found["agreement"].ci_upper) == wilson(35, 50)
    assert found["base_rates"]["PASS"].people == 0.5
    assert found["base_rates"]["PASS"].judge == 0.6


@given(st.tuples(*[st.integers(0, 30)] * 4).filter(any))
def test_rates_and_confusion_are_those_of_the_table(counts: tuple[int, int, int, int]) -> None:
    cases = table(*counts)
    found = rates(cases, ["PASS"], "")
    for name, right, wrong in (("true_positive_rate", *counts[:2]), ("true_negative_rate", counts[3], counts[2])):
        figure = found[name]
        assert figure.count == right + wrong
        assert figure.value == (right / (right + wrong) if right + wrong else None)
        assert (figure.reason is None) == (figure.value is not None)
    confusion = agreement_figures(cases)["confusion"]
    cells = [confusion.get(people, {}).get(judge, 0) for people in ("PASS", "FAIL") for judge in ("PASS", "FAIL")]
    assert tuple(cells) == counts


def test_without_cases_each_figure_has_the_same_reason() -> None:
    bias = length_bias([], scale_of_two=True)
    found = [
        *agreement_figures([]).values(),
        *rates([], ["PASS"], "").values(),
        rank_correlation([], scale_of_two=False),
        bias.judge.spearman,
        bias.people.point_biserial,
    ]
    assert {(figure.value, figure.reason) for figure in found} == {(None, NOTHING_COMPARED)}


def test_several_verdicts_may_count_as_positive() -> None:
    cases = [compared("PARTLY", "PASS"), compared("PASS", "FAIL"), compared("FAIL", "PARTLY"), compared("FAIL", "FAIL")]
    found = rates(cases, ["PASS", "PARTLY"], "")
    assert (found["true_positive_rate"].value, found["true_negative_rate"].value) == (0.5, 0.5)
    assert rates(cases, [], "why")["true_positive_rate"].reason == "why"


def test_the_bias_of_a_judge_for_length_stands_beside_that_of_people() -> None:
    """The judge passes the longer half; people pass every other answer, from the shortest on."""
    judge = ["FAIL"] * 4 + ["PASS"] * 4
    cases = [compared(["PASS", "FAIL"][no % 2], judge[no], float(no)) for no in range(8)]
    found = length_bias(cases, scale_of_two=True)
    assert found.judge.point_biserial.value == pytest.approx(4 / 5.25**0.5 / 2)
    assert found.people.point_biserial.value == pytest.approx(-1 / 5.25**0.5 / 2)
    assert found.judge.spearman.value == found.judge.point_biserial.value
    three = length_bias(cases, scale_of_two=False)
    assert three.judge.point_biserial.reason == "the scale does not have two verdicts"
    assert three.judge.spearman == found.judge.spearman
    unknown = length_bias([compared("PASS", "PASS")], scale_of_two=True).judge.spearman
    assert unknown.reason == "the lengths of the answers are not known"


def test_verdicts_of_one_case_count_once_in_the_width_of_an_interval() -> None:
    """Two cases with two pairs each, all for the answer shown first: the interval is that of two, not of eight."""
    found = position_bias([[(0, 1), (0, 1)], [(0, 1), (0, 1)], []])
    assert (found.first_shown_share.value, found.first_shown_share.count) == (1, 2)
    assert found.first_shown_share.ci_lower == pytest.approx(wilson(2, 2)[0])
    assert (found.order_agreement.value, found.order_agreement.ci_lower) == (0, 0)
    assert found.order_kappa.ci_lower is None


def test_ties_everywhere_have_no_first_shown_share() -> None:
    found = position_bias([[(None, None)]])
    assert found.first_shown_share.reason == "each verdict is a tie"
    assert found.order_kappa.reason == "the winner is the same everywhere, in both orders"
    assert found.order_agreement.value == 1


def test_repeats_agree_as_pairs_and_each_case_counts_once() -> None:
    found = self_consistency([[["a", "a", "b"]], [["a", "a"], ["b", "b"]], [], [["a"]]])
    assert found.value == pytest.approx((1 / 3 + 1) / 2)
    assert found.count == 2
    assert self_consistency([[], [["a"]]]).reason == "no question was asked more than once"
