"""Groups of runs, as every store keeps them and its reader shows them."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.older_store import put_back
from tests.support.stores import PERSISTENT, added_run, third_kind
from themis.core.errors import UnknownRunError
from themis.core.stores import create_run_store
from themis.core.stores.protocol import RunStore
from themis.core.stores.registry import location_of, reader_of


def test_a_group_has_its_runs_in_the_order_in_which_they_were_added(store: RunStore) -> None:
    first, second, third = (added_run(store, name) for name in ("a", "b", "c"))
    assert store.group_members("mine") == []
    assert store.group_names() == []
    store.add_to_group("mine", [(third, "seed=3"), (first, "seed=1")])
    store.add_to_group("mine", [(second, "seed=2")])
    assert store.group_members("mine") == [(third, "seed=3"), (first, "seed=1"), (second, "seed=2")]


def test_a_run_that_is_in_a_group_stays_as_it_is_there(store: RunStore) -> None:
    first, second = (added_run(store, name) for name in ("a", "b"))
    store.add_to_group("mine", [(first, "seed=1")])
    store.add_to_group("mine", [(second, "seed=2"), (first, "another")])
    assert store.group_members("mine") == [(first, "seed=1"), (second, "seed=2")]


def test_a_run_may_be_in_several_groups(store: RunStore) -> None:
    run_id = added_run(store, "a")
    store.add_to_group("weekly", [(run_id, "")])
    store.add_to_group("Δ pupils", [(run_id, "seed=1")])
    assert store.group_names() == ["weekly", "Δ pupils"]
    assert store.group_members("weekly") == [(run_id, "")]
    assert store.group_members("Δ pupils") == [(run_id, "seed=1")]


def test_a_run_that_is_cleared_stays_in_its_groups(store: RunStore) -> None:
    run_id = added_run(store, "a")
    store.add_to_group("mine", [(run_id, "")])
    store.clear_run(run_id)
    assert store.group_members("mine") == [(run_id, "")]


def test_a_group_that_is_not_committed_was_never_there(store: RunStore) -> None:
    run_id = added_run(store, "a")

    def added_in_vain() -> None:
        with store.transaction():
            store.add_to_group("mine", [(run_id, "")])
            raise KeyError

    with pytest.raises(KeyError):
        added_in_vain()
    assert store.group_members("mine") == []
    assert store.group_names() == []


def test_a_run_that_is_not_stored_is_in_no_group_nor_are_those_that_were_to_be_added_with_it(store: RunStore) -> None:
    run_id = added_run(store, "a")
    with pytest.raises(UnknownRunError):
        store.add_to_group("mine", [(run_id, ""), ("0" * 64, "")])
    assert store.group_members("mine") == []


def test_a_reader_of_a_file_that_only_versions_without_groups_have_used_finds_none(tmp_path: Path) -> None:
    storage = PERSISTENT["sqlite"](tmp_path)
    with closing(create_run_store(storage)) as store:
        added_run(store, "a")
    put_back(tmp_path / "runs.sqlite3", 12)
    with closing(reader_of(location_of(storage))) as reader:
        assert (reader.group_members("mine"), reader.group_names()) == ([], [])


@pytest.mark.parametrize("kind", [kind for kind in PERSISTENT if kind != "postgres"])
def test_a_reader_shows_the_runs_of_a_group_and_the_names_of_all(kind: str, tmp_path: Path) -> None:
    shown_by_the_reader(kind, tmp_path)


@pytest.mark.slow
def test_a_reader_of_postgres_shows_the_runs_of_a_group_and_the_names_of_all(tmp_path: Path) -> None:
    shown_by_the_reader("postgres", tmp_path)


def shown_by_the_reader(kind: str, folder: Path) -> None:
    storage = PERSISTENT[kind](folder)
    with third_kind(), closing(create_run_store(storage)) as store, closing(reader_of(location_of(storage))) as reader:
        first, second = (added_run(store, name) for name in ("a", "b"))
        store.add_to_group("mine", [(second, "seed=2"), (first, "seed=1")])
        store.add_to_group("all", [(first, "")])
        found = reader.group_members("mine")
        assert [(member.run.run_id, member.row_name) for member in found] == [(second, "seed=2"), (first, "seed=1")]
        assert [member.run for member in found] == [reader.runs_before(one, None, 1)[0] for one in (second, first)]
        assert reader.group_members("no such group") == []
        assert reader.group_names() == ["all", "mine"]
