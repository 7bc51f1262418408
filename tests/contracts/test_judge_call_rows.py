"""Responses of judges, as every store keeps them."""

import pytest

from tests.support.stores import added_run
from themis.core.errors import UnknownRunError
from themis.core.stores.judge_call_rows import SELECTION, JudgeCallRow
from themis.core.stores.protocol import RunStore

LONG = '{"raw_response": "' + "long " * 400 + '"}'
FIRST = JudgeCallRow(0, 1, "call-1", "key-1", 1_000, '{"raw_response": "PASS"}')
REPAIRED = JudgeCallRow(0, 1, "call-1/repair", "key-2", 1_001, LONG)
SELECTED = JudgeCallRow(2, SELECTION, "key-3", "key-3", 2**40, '{"raw_response": "A"}')
LATER = JudgeCallRow(7, 0, "call-1", "key-4", 1_002, LONG)
ROWS = [FIRST, REPAIRED, SELECTED, LATER]


@pytest.fixture
def run_id(store: RunStore) -> str:
    return added_run(store, "lab")


def test_responses_come_back_as_they_were_in_order_of_their_keys(store: RunStore, run_id: str) -> None:
    assert store.judge_calls_between(run_id, 0, 10) == []
    store.save_judge_calls(run_id, [LATER, SELECTED])
    store.save_judge_calls(run_id, [REPAIRED, FIRST])
    found = store.judge_calls_between(run_id, 0, 10)
    assert found == ROWS
    assert all(isinstance(row, JudgeCallRow) for row in found)
    assert store.judge_calls_between(run_id, 1, 7) == [SELECTED]


def test_saving_a_response_again_changes_nothing_and_another_one_replaces_it(store: RunStore, run_id: str) -> None:
    store.save_judge_calls(run_id, ROWS)
    store.save_judge_calls(run_id, ROWS)
    assert store.judge_calls_between(run_id, 0, 10) == ROWS
    again = FIRST._replace(finished_ms=5_000, response=LONG)
    store.save_judge_calls(run_id, [again])
    assert store.judge_calls_between(run_id, 0, 1) == [again, REPAIRED]


def test_an_equal_call_of_another_run_finds_the_newest_response(store: RunStore, run_id: str) -> None:
    assert store.cached_response("key-2") is None
    store.save_judge_calls(run_id, ROWS)
    assert [store.cached_response(row.cache_key) for row in ROWS] == [row.response for row in ROWS]
    store.save_judge_calls(added_run(store, "other"), [FIRST._replace(response='{"raw_response": "FAIL"}')])
    assert store.cached_response("key-1") == '{"raw_response": "FAIL"}'


def test_a_cleared_run_has_no_responses_left_neither_for_itself_nor_for_others(store: RunStore, run_id: str) -> None:
    other = added_run(store, "other")
    store.save_judge_calls(run_id, [FIRST])
    store.save_judge_calls(other, [LATER])
    store.clear_run(run_id)
    assert (store.judge_calls_between(run_id, 0, 10), store.cached_response("key-1")) == ([], None)
    assert (store.judge_calls_between(other, 0, 10), store.cached_response("key-4")) == ([LATER], LONG)


def test_what_is_not_committed_was_never_there(store: RunStore, run_id: str) -> None:
    def saved_in_vain() -> None:
        with store.transaction():
            store.save_judge_calls(run_id, ROWS)
            raise KeyError

    with pytest.raises(KeyError):
        saved_in_vain()
    assert store.judge_calls_between(run_id, 0, 10) == []
    assert store.cached_response("key-1") is None


def test_responses_of_a_run_that_is_not_there_are_refused(store: RunStore) -> None:
    with pytest.raises(UnknownRunError):
        store.save_judge_calls("0" * 64, [FIRST])
