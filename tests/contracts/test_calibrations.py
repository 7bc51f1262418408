"""Calibrations of judges, as every store keeps them."""

import pytest

from tests.support.stores import added_run
from themis.core.stores.protocol import RunStore


def test_calibrations_come_back_by_their_keys_and_a_later_one_takes_the_place_of_an_earlier_one(
    store: RunStore,
) -> None:
    assert store.calibrations() == {}
    store.save_calibration("key-2", '{"kappa": 0.5}')
    store.save_calibration("key-1", '{"kappa": 0.25}')
    store.save_calibration("key-2", '{"kappa": 0.75}')
    store.save_calibration("key-2", '{"kappa": 0.75}')
    assert list(store.calibrations().items()) == [("key-1", '{"kappa": 0.25}'), ("key-2", '{"kappa": 0.75}')]


def test_a_calibration_outlives_a_run_that_is_cleared(store: RunStore) -> None:
    run_id = added_run(store, "lab")
    store.save_calibration("key", "{}")
    store.clear_run(run_id)
    assert store.calibrations() == {"key": "{}"}


def test_a_calibration_that_is_not_committed_was_never_there(store: RunStore) -> None:
    store.save_calibration("key", '"before"')

    def saved_in_vain() -> None:
        with store.transaction():
            store.save_calibration("key", '"after"')
            store.save_calibration("other", '"after"')
            raise KeyError

    with pytest.raises(KeyError):
        saved_in_vain()
    assert store.calibrations() == {"key": '"before"'}
