"""Batches of a run, as every store keeps them."""

import pytest

from tests.support.stores import added_run
from themis.core.errors import UnknownRunError
from themis.core.stores.batch_rows import BatchRow, BatchState
from themis.core.stores.protocol import RunStore

FIRST = BatchRow(0, "a1b2", BatchState.INTENDED, 0, 6, 7, 1_000, 2_000)
SECOND = BatchRow(1, "c3d4", BatchState.SUBMITTED, 7, 9, 2, 3_000, 2**40, "file-1", "batch_1", True, True, "validating")


@pytest.fixture
def run_id(store: RunStore) -> str:
    return added_run(store, "lab")


def test_batches_come_back_as_they_were_in_order(store: RunStore, run_id: str) -> None:
    assert store.batches(run_id) == []
    store.save_batch(run_id, SECOND)
    store.save_batch(run_id, FIRST)
    found = store.batches(run_id)
    assert found == [FIRST, SECOND]
    assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in (FIRST, SECOND)]
    assert [row.is_open for row in found] == [True, True]


def test_what_a_provider_says_is_kept_though_not_every_store_can_keep_it(store: RunStore, run_id: str) -> None:
    store.save_batch(run_id, SECOND._replace(status="in\0valid \udc00"))
    assert [row.status for row in store.batches(run_id)] == ["in\\x00valid \\udc00"]


def test_a_batch_is_replaced_as_a_whole(store: RunStore, run_id: str) -> None:
    store.save_batch(run_id, SECOND)
    read = SECOND._replace(state=BatchState.READ, status=None, file_id=None, adopted=False)
    store.save_batch(run_id, read)
    store.save_batch(run_id, read)
    assert store.batches(run_id) == [read]
    assert not read.is_open


def test_each_run_has_batches_of_its_own(store: RunStore, run_id: str) -> None:
    other = added_run(store, "other")
    store.save_batch(run_id, FIRST._replace(state=BatchState.READ))
    store.save_batch(other, SECOND)
    store.clear_run(run_id)
    assert (store.batches(run_id), store.batches(other)) == ([], [SECOND])


def test_of_a_cleared_run_only_open_batches_are_left_to_be_cancelled(store: RunStore, run_id: str) -> None:
    store.save_batch(run_id, FIRST)
    store.save_batch(run_id, SECOND)
    store.save_batch(run_id, SECOND._replace(number=2, state=BatchState.READ))
    store.save_batch(run_id, SECOND._replace(number=3, state=BatchState.CLOSED))
    dropped = [row._replace(state=BatchState.DROPPED) for row in (FIRST, SECOND)]
    for _ in range(2):
        store.clear_run(run_id)
        assert store.batches(run_id) == dropped
    assert not any(row.is_open for row in dropped)


def test_a_batch_is_kept_with_the_rest_of_its_transaction_or_not_at_all(store: RunStore, run_id: str) -> None:
    store.save_batch(run_id, FIRST)
    with pytest.raises(KeyError), store.transaction():  # noqa: PT012
        store.save_batch(run_id, FIRST._replace(state=BatchState.READ))
        store.save_batch(run_id, SECOND)
        raise KeyError
    with pytest.raises(KeyError), store.transaction():  # noqa: PT012
        store.clear_run(run_id)
        raise KeyError
    assert store.batches(run_id) == [FIRST]


def test_a_run_that_is_not_there_has_no_batches(store: RunStore) -> None:
    with pytest.raises(UnknownRunError):
        store.batches("f" * 64)
    with pytest.raises(UnknownRunError):
        store.save_batch("f" * 64, FIRST)
