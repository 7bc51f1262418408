"""Stored verdicts of pairwise judges, against the statistics that their publisher computed from them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from themis.core.statistics.agreement import cohens_kappa
from themis.core.statistics.order_effects import order_effects

FOLDER = Path(__file__).parents[4] / "shared" / "data"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the stored judgments of LLMBar are not here")


class Verdicts(NamedTuple):
    """Human labels and the winners in the given and in the swapped order, each 1 or 2, with what was published."""

    labels: list[int]
    given: list[int]
    swapped: list[int]
    published: dict[str, Any]


def verdicts_of(evaluator: str) -> Verdicts:
    lines = (FOLDER / "llmbar_pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["evaluator"] == evaluator]
    published = json.loads((FOLDER / "llmbar_statistics.json").read_text(encoding="utf-8"))[evaluator]
    labels, given, swapped = (
        [int(row[field]) for row in rows] for field in ("label", "winner_given_order", "winner_swapped_order")
    )
    return Verdicts(labels, given, swapped, published)


def right(winners: list[int], labels: list[int]) -> list[bool]:
    return [winner == label for winner, label in zip(winners, labels, strict=True)]


def as_published(hits: list[bool]) -> str:
    return f"{sum(hits)} / {len(hits)} = {sum(hits) / len(hits) * 100}%"


def kappa(first: list[int], second: list[int]) -> float:
    found = cohens_kappa(first, second)
    assert found is not None
    assert found.kappa is not None
    return found.kappa


def test_verdicts_of_the_plain_evaluator_come_to_the_published_counts_and_agreement_of_orders() -> None:
    labels, given, swapped, published = verdicts_of("Vanilla")
    both = [first and second for first, second in zip(right(given, labels), right(swapped, labels), strict=True)]
    assert as_published(right(given, labels)) == published["correct_False"]
    assert as_published(right(swapped, labels)) == published["correct_True"]
    assert as_published(both) == published["correct_both"]
    effects = order_effects((one - 1, other - 1) for one, other in zip(given, swapped, strict=True))
    assert effects is not None
    assert f"{round(effects.agreement * 92)} / 92 = {effects.agreement * 100}%" == published["equal"]
    assert effects.kappa == pytest.approx(published["kappa_agreement"], abs=1e-15)
    assert effects.first_shown_share is not None
    assert effects.first_shown_share > 0.7


def test_published_kappas_with_the_label_compare_winners_of_0_and_1_with_labels_of_1_and_2() -> None:
    """The publisher codes a win of output 2 as 0, yet keeps its label as 2: they agree only where both are 1."""
    labels, given, swapped, published = verdicts_of("Vanilla")
    for winners, figure in ((given, "kappa_False"), (swapped, "kappa_True")):
        coded = [1 if winner == 1 else 0 for winner in winners]
        assert kappa(coded, labels) == pytest.approx(published[figure], abs=1e-15)


def test_kappas_with_the_label_over_winners_and_labels_of_one_coding_are_lower_than_the_published_ones() -> None:
    """By hand from the tables: (33 * 92 - 4188) / (8464 - 4188) and (36 * 92 - 4294) / (8464 - 4294)."""
    labels, given, swapped, published = verdicts_of("Vanilla")
    assert kappa(given, labels) == pytest.approx((33 * 92 - 4188) / (8464 - 4188), abs=1e-15)
    assert kappa(swapped, labels) == pytest.approx((36 * 92 - 4294) / (8464 - 4294), abs=1e-15)
    assert kappa(given, labels) < published["kappa_False"]
    assert kappa(swapped, labels) < published["kappa_True"]


def test_of_the_evaluator_that_asks_again_only_the_first_of_two_stages_is_stored() -> None:
    """The published 37 and 44 right are of the second stage, which asks again where the orders disagree."""
    labels, given, swapped, _ = verdicts_of("Swap")
    settled = [one == other for one, other in zip(given, swapped, strict=True)]
    assert (sum(right(given, labels)), sum(right(swapped, labels)), sum(settled)) == (33, 36, 35)
    assert kappa(given, labels) == pytest.approx((33 * 92 - 4184) / (8464 - 4184), abs=1e-15)
    assert kappa(swapped, labels) == pytest.approx((36 * 92 - 4282) / (8464 - 4282), abs=1e-15)
    effects = order_effects((one - 1, other - 1) for one, other in zip(given, swapped, strict=True))
    assert effects is not None
    assert effects.kappa == pytest.approx((35 * 92 - 3032) / (8464 - 3032), abs=1e-15)


def test_published_counts_of_the_evaluator_that_asks_again_need_its_second_stage_and_fit_the_first() -> None:
    """Settled pairs keep their winner: what was published beyond them was won among the pairs asked again."""
    labels, given, swapped, published = verdicts_of("Swap")
    outcomes = Counter((one == other, one == label) for one, other, label in zip(given, swapped, labels, strict=True))
    settled_right, asked_again = outcomes[True, True], outcomes[False, True] + outcomes[False, False]
    assert (settled_right, asked_again) == (6, 57)
    for figure, stored in (("correct_False", right(given, labels)), ("correct_True", right(swapped, labels))):
        count = int(published[figure].split(" / ")[0])
        assert count != sum(stored)
        assert settled_right <= count <= settled_right + asked_again
