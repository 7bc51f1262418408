"""Agreement of raters, by published examples and by simulation."""

import math
import random

import pytest

from themis.core.statistics.agreement import (
    cohens_kappa,
    fleiss_kappa,
    krippendorffs_alpha,
    majority_accuracy,
    raw_agreement,
)
from themis.core.statistics.order_effects import order_effects

FLEISS_TABLE = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip
"""Ten items, labelled by fourteen raters with five labels: kappa is 0.210."""

KRIPPENDORFF = [
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
]
"""Four observers of twelve units, from "Computing Krippendorff's Alpha-Reliability" (2011), section C."""


def units() -> list[list[float]]:
    return [[value for value in unit if value is not None] for unit in zip(*KRIPPENDORFF, strict=True)]


def test_cohens_kappa_of_a_table_of_two_raters() -> None:
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = cohens_kappa(first, second)
    assert found is not None
    assert found.kappa == pytest.approx(0.4)
    assert (found.observed, found.expected) == (0.7, 0.5)
    assert found.base_rates == {"no": (0.5, 0.4), "yes": (0.5, 0.6)}


def test_cohens_kappa_is_low_beside_a_high_agreement_where_one_label_is_frequent() -> None:
    first = ["yes"] * 90 + ["yes"] * 5 + ["no"] * 5
    second = ["yes"] * 90 + ["no"] * 5 + ["yes"] * 5
    found = cohens_kappa(first, second)
    assert found is not None
    assert found.kappa is not None
    assert found.observed == 0.9
    assert found.kappa < 0


def test_there_is_no_kappa_without_items_or_without_a_second_label() -> None:
    assert cohens_kappa([], []) is None
    found = cohens_kappa(["yes", "yes"], ["yes", "yes"])
    assert found is not None
    assert (found.kappa, found.observed) == (None, 1)


def test_fleiss_kappa_of_a_published_table() -> None:
    items = [[label for label, count in enumerate(row) for _ in range(count)] for row in FLEISS_TABLE]
    assert fleiss_kappa(items) == pytest.approx(0.210, abs=5e-4)
    assert raw_agreement(items) == pytest.approx(0.378, abs=5e-4)


def test_fleiss_kappa_needs_equally_many_labels_and_alpha_does_not() -> None:
    with pytest.raises(ValueError, match="same number of labels"):
        fleiss_kappa([["a", "a"], ["a", "a", "b"]])
    with pytest.raises(ValueError, match="two or more"):
        fleiss_kappa([["a"], ["b"]])
    assert fleiss_kappa([]) is None
    assert fleiss_kappa([["a", "a"]]) is None
    assert krippendorffs_alpha([[1, 1], [1, 1, 0]]) is not None


def test_krippendorffs_alpha_of_the_published_data() -> None:
    assert krippendorffs_alpha(units()) == pytest.approx(0.743, abs=5e-4)
    assert krippendorffs_alpha(units(), "interval") == pytest.approx(0.849, abs=5e-4)


def test_there_is_no_alpha_when_nothing_can_be_compared_or_differs() -> None:
    assert krippendorffs_alpha([]) is None
    assert krippendorffs_alpha([[1], [0]]) is None
    assert krippendorffs_alpha([[1, 1], [1, 1]]) is None


def test_a_tie_of_votes_is_not_right() -> None:
    assert majority_accuracy([["a", "a", "b"], ["a", "b"], ["b", "b", "a"]], ["a", "a", "a"]) == pytest.approx(1 / 3)
    assert majority_accuracy([], []) is None


def test_a_panel_of_three_judges_of_known_accuracy_is_as_theory_says() -> None:
    """Independent judges, right with probability p, on evenly frequent truths: each figure within 4 sigma of theory."""
    p, items, rng = 0.8, 4_000, random.Random(7)
    truth = [rng.random() < 0.5 for _ in range(items)]
    votes = [[right if rng.random() < p else not right for _ in range(3)] for right in truth]
    pair = p * p + (1 - p) * (1 - p)  # two judges agree: both right, or both wrong
    majority = p**3 + 3 * p * p * (1 - p)
    theory = {"agreement": pair, "majority": majority, "kappa": (pair - 0.5) / 0.5}
    # Of three raters with two labels all agree (1) or one pair does (1/3).
    all_agree = p**3 + (1 - p) ** 3
    sigma = (1 - 1 / 3) * math.sqrt(all_agree * (1 - all_agree) / items)
    bounds = {"agreement": sigma, "majority": math.sqrt(majority * (1 - majority) / items), "kappa": 2 * sigma}
    found = {
        "agreement": raw_agreement(votes),
        "majority": majority_accuracy(votes, truth),
        "kappa": fleiss_kappa(votes),
    }
    for name, value in found.items():
        assert value is not None
        assert abs(value - theory[name]) < 4 * bounds[name], name
    cohen = cohens_kappa([vote[0] for vote in votes], [vote[1] for vote in votes])
    alpha = krippendorffs_alpha(votes)
    assert cohen is not None
    assert cohen.kappa == pytest.approx(theory["kappa"], abs=0.03)
    assert alpha == pytest.approx(found["kappa"], abs=1e-3)


def test_a_judge_that_always_takes_the_first_is_found_out() -> None:
    found = order_effects([(0, 1)] * 10)
    assert found is not None
    assert (found.first_shown_share, found.agreement, found.kappa, found.tie_share) == (1, 0, 0, 0)


def test_a_judge_without_regard_to_order_has_no_bias() -> None:
    found = order_effects([(0, 0), (1, 1), (None, None)])
    assert found is not None
    assert (found.pairs, found.first_shown_share, found.agreement, found.kappa) == (3, 0.5, 1, 1)
    assert found.tie_share == pytest.approx(1 / 3)


def test_without_pairs_or_winners_there_is_no_bias_to_speak_of() -> None:
    assert order_effects([]) is None
    found = order_effects([(None, None)])
    assert found is not None
    assert (found.first_shown_share, found.kappa, found.tie_share) == (None, None, 1)
