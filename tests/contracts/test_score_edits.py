"""Edits of scores, as every store keeps them: rows are only ever added."""

import time

import pytest

from tests.support.stores import added_run
from themis.core.errors import UnknownRunError
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.stores.protocol import RunStore


def edit(case_no: int = 0, value: float | None = 1.0, why: str = "it is right", **more: int) -> ScoreEdit:
    withdraws = more.get("withdraws")
    return ScoreEdit(case_no, more.get("item", 0), "lab", f"c{case_no}", value, withdraws, 0.0, "ab" * 32, "Zoë", why)


def test_edits_come_back_in_order_with_numbers_and_the_time_of_the_store(store: RunStore) -> None:
    run_id = added_run(store, "lab")
    assert store.score_edits(run_id) == []
    before_ms = time.time_ns() // 1_000_000
    first = store.add_score_edits(run_id, [edit(2), edit(0, None, "nobody can say")])
    then = store.add_score_edits(run_id, [edit(2, None, "no", withdraws=1), edit(1, 0.25, item=1_000_000)])
    found = store.score_edits(run_id)
    assert found == [*first, *then]
    assert [one.number for one in found] == [1, 2, 3, 4]
    assert all(before_ms <= one.edited_ms <= time.time_ns() // 1_000_000 for one in found)
    assert [one._replace(number=0, edited_ms=0) for one in found] == [
        edit(2),
        edit(0, None, "nobody can say"),
        edit(2, None, "no", withdraws=1),
        edit(1, 0.25, item=1_000_000),
    ]


def test_an_edit_of_the_same_score_is_added_and_takes_no_place(store: RunStore) -> None:
    run_id = added_run(store, "lab")
    store.add_score_edits(run_id, [edit(0, 1.0)])
    store.add_score_edits(run_id, [edit(0, 1.0)])
    assert [(one.number, one.value) for one in store.score_edits(run_id)] == [(1, 1.0), (2, 1.0)]


def test_each_run_has_its_own_edits(store: RunStore) -> None:
    one, other = added_run(store, "lab"), added_run(store, "other")
    store.add_score_edits(one, [edit(0), edit(1)])
    (added,) = store.add_score_edits(other, [edit(2)])
    assert added.number == 1
    assert store.score_edits(other) == [added]
    with pytest.raises(UnknownRunError):
        store.score_edits("f" * 64)
    with pytest.raises(UnknownRunError):
        store.add_score_edits("f" * 64, [edit()])


def test_edits_outlive_a_run_that_is_cleared(store: RunStore) -> None:
    run_id = added_run(store, "lab")
    before = store.add_score_edits(run_id, [edit(0), edit(1)])
    store.clear_run(run_id)
    assert store.score_edits(run_id) == before
    (later,) = store.add_score_edits(run_id, [edit(0, 0.5)])
    assert later.number == 3


def test_edits_that_are_not_committed_were_never_there(store: RunStore) -> None:
    run_id = added_run(store, "lab")
    kept = store.add_score_edits(run_id, [edit(0)])

    def added_in_vain() -> None:
        with store.transaction():
            store.add_score_edits(run_id, [edit(1), edit(2)])
            raise KeyError

    with pytest.raises(KeyError):
        added_in_vain()
    assert store.score_edits(run_id) == kept
    (later,) = store.add_score_edits(run_id, [edit(2)])
    assert later.number == 2


def test_nothing_of_a_run_is_changed_by_an_edit(store: RunStore) -> None:
    run_id = added_run(store, "lab")
    before = store.load_run(run_id), store.has_outcomes(run_id), store.score_tallies(run_id)
    store.add_score_edits(run_id, [edit(0)])
    assert (store.load_run(run_id), store.has_outcomes(run_id), store.score_tallies(run_id)) == before
