"""Items that are read in parts, as they are needed."""

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.result_views.on_demand import ItemsInParts


class Parts:
    """Parts of numbers that count on from 0; `read` are the names of those that were read."""

    def __init__(self, *counts: int) -> None:
        self.read: list[str] = []
        self._begins = {str(no): sum(counts[:no]) for no in range(len(counts))}
        self.items = ItemsInParts[int]([(str(no), count) for no, count in enumerate(counts)], self._of)

    def _of(self, name: str, count: int) -> Iterator[int]:
        self.read.append(name)
        return iter(range(self._begins[name], self._begins[name] + count))


@given(st.lists(st.integers(0, 4), max_size=5), st.integers(0, 22), st.integers(0, 22))
def test_a_slice_is_that_of_a_list_and_reads_the_parts_that_it_has_items_of(
    counts: list[int], first: int, stop: int
) -> None:
    parts, all_items = Parts(*counts), list(range(sum(counts)))
    assert len(parts.items) == len(all_items)
    assert list(parts.items.between(first, stop)) == all_items[first:stop]
    assert len(parts.read) <= len(all_items[first:stop])
    assert list(parts.items) == all_items


def test_a_part_is_read_when_its_first_item_is_needed() -> None:
    parts = Parts(3, 2, 4)
    assert (len(parts.items), parts.read) == (9, [])
    assert list(islice(parts.items, 3)) == [0, 1, 2]
    assert parts.read == ["0"]
    assert list(parts.items.between(4, 6)) == [4, 5]
    assert parts.read == ["0", "1", "2"]


@given(
    st.lists(st.integers(0, 4), max_size=5),
    st.builds(
        slice, st.none() | st.integers(-9, 9), st.none() | st.integers(-9, 9), st.sampled_from([None, 1, 2, -1, -3])
    ),
)
def test_positions_are_those_of_a_list(counts: list[int], wanted: slice) -> None:
    items, all_items = Parts(*counts).items, list(range(sum(counts)))
    assert items[wanted] == all_items[wanted]
    assert [items[index] for index in range(-len(all_items), len(all_items))] == [*all_items, *all_items]
    with pytest.raises(IndexError):
        items[len(all_items)]


def test_they_are_equal_to_a_list_with_equal_items() -> None:
    items = Parts(2, 1).items
    assert items == [0, 1, 2]
    assert items == Parts(1, 2).items
    listed = [0, 1, 2]
    assert listed == items
    assert items != [0, 1]
    assert items != [0, 1, 3]
    assert items != (0, 1, 2)
    assert repr(items) == "<3 items>"
    with pytest.raises(TypeError):
        hash(items)
