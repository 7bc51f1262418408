"""A table of numbers whose rows are in a temporary file."""

import hashlib
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.core.files import number_table
from themis.core.files.number_table import NumberTable


def key(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()[:20]


@pytest.fixture(scope="module", autouse=True)
def few_rows_at_a_time() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(number_table, "ROWS_IN_MEMORY", 100)
        patch.setattr(number_table, "_BLOCK_ROWS", 30)
        yield


@pytest.mark.parametrize("count", [0, 1, 100, 101, 1_234])
def test_each_key_has_its_number_and_others_have_none(count: int) -> None:
    with NumberTable(((key(no), no) for no in range(count)), 20) as table:
        assert [table.get(key(no)) for no in range(count)] == list(range(count))
        assert {table.get(key(no)) for no in range(count, 2_000)} <= {None}


@settings(max_examples=20)
@given(st.dictionaries(st.binary(min_size=3, max_size=3), st.integers(0, 2**63), max_size=30))
def test_keys_may_begin_and_end_alike(rows: dict[bytes, int]) -> None:
    with NumberTable(rows.items(), 3) as table:
        assert {found: table.get(found) for found in rows} == rows
        assert [table.get(b"\0\0" + bytes([no])) for no in range(9)] == [
            rows.get(b"\0\0" + bytes([no])) for no in range(9)
        ]


def test_its_memory_does_not_grow_with_its_rows() -> None:
    def most(count: int) -> int:
        tracemalloc.start()
        try:
            with NumberTable(((key(no), no) for no in range(count)), 20):
                return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most(10_000) < most(1_000) + 100_000  # the rows alone are 280,000 bytes, and as a mapping a million


def test_a_failure_to_read_the_rows_leaves_no_file_open() -> None:
    def rows() -> Iterator[tuple[bytes, int]]:
        yield key(1), 1
        raise OSError(5, "gone")

    with pytest.raises(OSError, match="gone"):
        NumberTable(rows(), 20)
