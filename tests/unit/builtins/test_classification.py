"""Labels: right or wrong per case, and the figures of the confusion matrix over a run."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lab import ScriptedGenerator, experiment
from themis.core.builtins.metrics.classification import Classification, figures_of
from themis.core.errors import InvalidArgumentError
from themis.core.models import Case, Dataset, Score
from themis.core.stores import InMemoryRunStore

ScoreIt = Callable[[Any, Any, Any], float | str]
Rows = Callable[[Any, Any], list[Score]]

LABELS = ["bird", "cat", "dog", "fish"]
NAMES = ("accuracy", "macro_f1", "micro_f1", "balanced_accuracy", "mcc")


def drawn(seed: int, count: int, junk: int) -> list[tuple[str, str]]:
    """Expected and predicted labels, some of the latter none."""
    chance = random.Random(seed)
    expected = chance.choices(LABELS, weights=[8, 4, 2, 1], k=count)
    return [(label, label if chance.random() < 0.6 else chance.choice([*LABELS, *["?"] * junk])) for label in expected]


@pytest.fixture
def aggregated(rows: Rows) -> Callable[[Classification, list[tuple[str, str]]], dict[str, float]]:
    """The figures of expected and predicted labels, which are scored one by one."""
    return lambda metric, pairs: metric.aggregate(iter(rows(metric, [(said, right) for right, said in pairs])))


# Computed by scikit-learn 1.9.1: accuracy_score, f1_score (labels=the expected ones; macro, micro),
# balanced_accuracy_score, matthews_corrcoef.
BY_SCIKIT_LEARN = [
    ((1, 20, 0), (0.6, 0.5761634199134199, 0.6, 0.7303030303030303, 0.5227083734893166)),
    ((2, 200, 0), (0.68, 0.6288983048605986, 0.68, 0.7099151525136509, 0.5348075278976772)),
    ((3, 200, 3), (0.69, 0.6917359459045692, 0.7419354838709677, 0.6654042386185244, 0.5750505013471533)),
    ((4, 37, 1), (0.7027027027027027, 0.520884520884521, 0.7222222222222222, 0.5045112781954888, 0.5420457294277352)),
    (
        (5, 3000, 2),
        (0.6596666666666666, 0.6594297493144533, 0.7095733237719613, 0.6704922086994956, 0.538902479538222),
    ),
]


@pytest.mark.parametrize(("draw", "figures"), BY_SCIKIT_LEARN)
def test_the_figures_are_those_of_scikit_learn(aggregated: Any, draw: Any, figures: tuple[float, ...]) -> None:
    found = aggregated(Classification(), drawn(*draw))
    assert [found[name] for name in NAMES] == pytest.approx(list(figures), abs=1e-12)


@pytest.mark.parametrize(
    ("pairs", "figures"),
    [
        ([("a", "b"), ("b", "a")], (0, 0, 0, 0, -1)),
        ([("a", "a"), ("a", "a")], (1, 1, 1, 1, 0)),
        ([("a", "a"), ("b", "a")], (0.5, 1 / 3, 0.5, 0.5, 0)),
        ([("a", "a"), ("b", "b")], (1, 1, 1, 1, 1)),
        ([("a", "?"), ("b", "?")], (0, 0, 0, 0, 0)),
    ],
)
def test_figures_at_their_ends(aggregated: Any, pairs: list[tuple[str, str]], figures: tuple[float, ...]) -> None:
    found = aggregated(Classification(), pairs)
    assert [found[name] for name in NAMES] == pytest.approx(list(figures))


def test_answers_that_are_no_label_are_one_class_however_they_are_worded(aggregated: Any) -> None:
    pairs = drawn(3, 200, 3)
    worded = [(right, f"{said} {no}" if said == "?" else said) for no, (right, said) in enumerate(pairs)]
    assert aggregated(Classification(), worded) == aggregated(Classification(), pairs)


def test_given_labels_count_where_they_occur(aggregated: Any) -> None:
    pairs = [("a", "a"), ("a", "c"), ("b", "b")]
    assert aggregated(Classification(), pairs)["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert aggregated(Classification(labels=["a", "b", "c", "d"]), pairs)["macro_f1"] == pytest.approx((2 / 3 + 1) / 3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcx")), min_size=1))
def test_figures_are_within_their_bounds_and_do_not_depend_on_the_order(pairs: list[tuple[str, str]]) -> None:
    found = figures_of(Counter(pairs))
    assert found == figures_of(Counter(pairs[::-1]))
    assert all(0 <= found[name] <= 1 + 1e-12 for name in NAMES[:-1])
    assert -1 - 1e-12 <= found["mcc"] <= 1 + 1e-12
    perfect = figures_of(Counter((right, right) for right, _ in pairs))
    assert [perfect[name] for name in NAMES[:-1]] == pytest.approx([1] * 4)
    assert perfect["mcc"] == pytest.approx(1.0 if len({right for right, _ in pairs}) > 1 else 0.0)


@pytest.mark.parametrize(
    ("value", "expected", "result"),
    [
        ("Cat", "cat", 1.0),
        (" cat\n", "cat", 1.0),
        ("dog", "cat", 0.0),
        ("a cat", "cat", 0.0),
        ("", "cat", 0.0),
        ("x" * 1_000_000, "cat", 0.0),
        ("dog", ["cat", "dog"], 1.0),
        ("dog", {"answer": "dog"}, 1.0),
        ("\ud800", "cat", 0.0),
        (3, "cat", "the parsed value must be a text, not a number"),
        ("cat", None, "expected_output must be a text, not null"),
        ("cat", "", "expected_output must be a label, not ''"),
        ("cat", "x" * 300, f"expected_output must be a label, not '{'x' * 200}'"),
    ],
)
def test_an_answer_is_the_label_or_it_is_wrong(score: ScoreIt, value: Any, expected: Any, result: float | str) -> None:
    assert score(Classification(), value, expected) == result


def test_case_may_count_and_a_label_must_be_one_of_those_given(score: ScoreIt) -> None:
    assert score(Classification(ignore_case=False), "Cat", "cat") == 0.0
    assert score(Classification(labels=["cat"]), "cat", "dog") == "expected_output must be a label, not 'dog'"


@pytest.mark.parametrize("labels", [[], "cat", ["a", "A"], ["a", ""], ["a", 3], ["x" * 300]])
def test_labels_must_be_different_texts(labels: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="labels: must be a list of different texts of at most 200"):
        Classification(labels=labels)


def test_a_case_without_an_answer_counts_against_its_label() -> None:
    def answered(said: dict[str, str | None], **changes: Any) -> Any:
        data = [Case(case_id=f"{no}", input="q", expected_output=right) for no, right in enumerate("aabb")]
        generator = ScriptedGenerator(lambda case, ctx: said[case.case_id])
        made = experiment(generator, datasets=[Dataset(dataset_id="d", cases=data)], metrics=[Classification()])
        evaluation = made.evaluation.model_copy(update=changes)
        made = made.model_copy(update={"evaluation": evaluation})
        return made.run(store=InMemoryRunStore()).metrics["builtin/classification"]

    one_silent = answered({"0": "a", "1": None, "2": "b", "3": "b"})
    assert (one_silent.no_answer, one_silent.scored) == (1, 4)
    figures = {name: figure.value for name, figure in one_silent.aggregates.items()}
    assert figures["accuracy"] == 0.75
    assert figures["balanced_accuracy"] == 0.75
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    left_out = answered({"0": "a", "1": None, "2": "b", "3": "b"}, on_no_answer="unscored")
    assert left_out.aggregates["accuracy"].value == 1.0
