"""A store that was parted and is merged again is the store that it was, row by row."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.merged_stores import LEFT_TO_THEIR_STORE, ROWS, differences, fill, merge, parts_of
from themis.core.stores import sqlite_store
from themis.core.stores.sql import tables
from themis.core.stores.sql.merging import stretches


@pytest.fixture(scope="module")
def whole() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.sqlite3"
        with closing(sqlite_store(path)) as store:
            fill(store)
        yield path


def test_every_table_is_merged_or_said_not_to_be() -> None:
    made = {name for step in tables.SCHEMA for name in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", step)}
    assert made == {*ROWS, *LEFT_TO_THEIR_STORE}


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 4), rows=st.sampled_from([1, 3, 1_000]), is_one=st.booleans())
def test_parts_that_are_merged_in_any_order_and_twice_are_the_original(
    whole: Path, seed: int, count: int, rows: int, *, is_one: bool
) -> None:
    chance = Random(seed)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "ROWS", rows)
        parts = parts_of(whole, Path(name), count, chance)
        before = [part.read_bytes() for part in parts]
        order = [*parts, *parts]
        chance.shuffle(order)
        into = Path(name) / "merged.sqlite3"
        for files in [order] if is_one else [[part] for part in order]:
            merge(files, into)
        assert differences(into, whole) == {}
        assert not merge(parts, into).changed
        assert differences(into, whole) == {}
        assert [part.read_bytes() for part in parts] == before


def test_a_store_that_is_merged_by_way_of_others_is_counted_once(whole: Path, tmp_path: Path) -> None:
    first, second, back = (tmp_path / f"{name}.sqlite3" for name in ("first", "second", "back"))
    merge([whole], first)
    merge([first, whole], second)
    assert differences(second, whole) == {}
    merge([whole], back)
    assert not merge([second, first], back).changed


def test_the_report_says_what_came_from_each_store(whole: Path, tmp_path: Path) -> None:
    report = merge([whole], tmp_path / "merged.sqlite3")
    (source,) = report.sources
    assert report.changed
    assert (source.source, source.runs, source.refused, source.notes) == (str(whole), 2, [], [])
    added = source.added
    assert (added.runs, added.cases, added.judge_calls, added.spends, added.batches) == (2, 13, 12, 2, 1)
    assert (added.score_edits, added.calibrations, added.jobs) == (5, 1, 1)
    again = merge([whole], tmp_path / "merged.sqlite3")
    assert not again.changed
    assert again.sources[0].added.is_nothing
