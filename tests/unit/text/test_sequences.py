"""Edit distances and common subsequences, against the table of the textbooks."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from themis.core.text.sequences import cells, common_subsequence, levenshtein

FEW = st.text("abc", max_size=30)


def distance_by_table(one: Sequence[object], other: Sequence[object]) -> int:
    row = list(range(len(other) + 1))
    for no, item in enumerate(one, 1):
        before, row = row, [no]
        for place, right in enumerate(other, 1):
            row.append(min(before[place] + 1, row[-1] + 1, before[place - 1] + (item != right)))
    return row[-1]


def common_by_table(one: Sequence[object], other: Sequence[object]) -> int:
    row = [0] * (len(other) + 1)
    for item in one:
        before, row = row, [0]
        for place, right in enumerate(other, 1):
            row.append(before[place - 1] + 1 if item == right else max(before[place], row[-1]))
    return row[-1]


@pytest.mark.parametrize(
    ("one", "other", "distance", "common"),
    [
        ("kitten", "sitting", 3, 4),
        ("Saturday", "Sunday", 3, 5),
        ("intention", "execution", 5, 5),
        ("", "", 0, 0),
        ("", "abc", 3, 0),
        ("flaw", "lawn", 2, 3),
        (["a", "b"], ["b", "c", "b"], 2, 1),
        ("a" * 70 + "b", "b" + "a" * 70, 2, 70),
    ],
)
def test_known_distances(one: Sequence[str], other: Sequence[str], distance: int, common: int) -> None:
    assert levenshtein(one, other) == levenshtein(other, one) == distance
    assert common_subsequence(one, other) == common_subsequence(other, one) == common


@settings(max_examples=60, deadline=None)
@given(FEW, FEW)
@example("ab" * 40, "ba" * 50)
def test_any_two_have_the_distance_of_the_table(one: str, other: str) -> None:
    assert levenshtein(one, other) == distance_by_table(one, other)
    assert common_subsequence(one, other) == common_by_table(one, other)


@settings(max_examples=30, deadline=None)
@given(FEW, FEW, FEW)
def test_it_is_a_metric(one: str, other: str, third: str) -> None:
    assert levenshtein(one, third) <= levenshtein(one, other) + levenshtein(other, third)
    assert (levenshtein(one, other) == 0) == (one == other)
    assert levenshtein(one, other) >= abs(len(one) - len(other))


def test_what_both_begin_or_end_with_is_no_work() -> None:
    assert cells("x" * 100_000, "x" * 100_000) == 0
    assert cells("x" * 100_000 + "ab" + "y" * 9, "x" * 100_000 + "c" + "y" * 9) == 2
    assert levenshtein("x" * 100_000 + "ab", "x" * 100_000 + "c") == 2
    assert common_subsequence("x" * 100_000 + "ab", "x" * 100_000 + "b") == 100_001
