"""Numbers of outcomes: the codec of metric, view and candidate."""

import pytest

from themis.core.outcomes.items import OF_CANDIDATES, Item, item_of


@pytest.mark.parametrize(
    ("item", "number"),
    [
        (Item(), 0),
        (Item(metric=7), 7),
        (Item(metric=7, view=2), 2_007),
        (Item(candidate=0), 1_000_000),
        (Item(metric=999, view=999, candidate=4), 5_999_999),
        (Item(metric=1, view=3, candidate=999_999), 1_000_000_003_001),
    ],
)
def test_a_number_has_metric_view_and_candidate_and_gives_them_back(item: Item, number: int) -> None:
    assert item.number == number
    assert item_of(number) == item
    assert item.column == number % OF_CANDIDATES
    assert (number < OF_CANDIDATES) == (item.candidate is None)
