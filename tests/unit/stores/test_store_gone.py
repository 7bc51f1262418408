"""A store that is removed, moved or replaced while it is used: an error at the next commit, and no success."""

import threading
from pathlib import Path

import pytest

from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.errors import StoreGoneError
from themis.core.experiment import Experiment
from themis.core.jobs.store_cache import StoreCache
from themis.core.models import Case, Dataset
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores import SqliteRunStore, sqlite_store
from themis.core.stores.sqlite.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(tmp_path / "it.sqlite3")
    with found.transaction() as connection:
        connection.execute("CREATE TABLE t (x)")
    return found


def _write(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")


@pytest.mark.parametrize("how", ["removed", "moved", "replaced"])
def test_a_commit_into_a_file_that_is_not_there_any_more_is_an_error(database: Database, how: str) -> None:
    path = database.path
    if how == "moved":
        path.rename(path.with_name("elsewhere"))
    else:
        path.unlink()
    if how == "replaced":
        path.write_bytes(b"another")
    with pytest.raises(StoreGoneError, match="was removed, moved or replaced") as raised:
        _write(database)
    assert raised.value.exit_code == 4
    assert path.exists() == (how == "replaced")


def test_another_thread_does_not_make_a_new_file_in_its_place(database: Database) -> None:
    database.path.unlink()
    caught: list[BaseException] = []

    def write() -> None:
        try:
            _write(database)
        except StoreGoneError as error:
            caught.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert caught
    assert not database.path.exists()


def test_a_file_that_is_put_back_is_used_again(database: Database) -> None:
    aside = database.path.with_name("aside")
    database.path.rename(aside)
    with pytest.raises(StoreGoneError):
        _write(database)
    aside.rename(database.path)
    _write(database)
    assert database.query("SELECT count(*) FROM t") == [(1,)]


def test_a_run_whose_store_is_removed_ends_with_an_error_and_not_completed(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    experiment = Experiment(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"]),
        storage=StorageConfig(store="sqlite", parameters={"path": str(path)}),
        datasets=[Dataset(dataset_id="d", cases=[Case(case_id="a", input="x", expected_output="x")])],
    )

    class Removes:
        def before_generate(self, *_: object) -> None:
            path.unlink()

    with pytest.raises(StoreGoneError):
        experiment.run(subscribers=[Removes()])
    assert not path.exists()


def test_a_worker_opens_what_was_put_in_the_place_of_a_store_and_sees_that_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    sqlite_store(path).close()
    with_id = SqliteRunStore(path)
    address = StoreAddress("sqlite", str(path), with_id.jobs.store_id)
    with_id.close()
    stores = StoreCache()
    stores(address).probe()
    copy = path.read_bytes()
    path.unlink()
    path.write_bytes(copy)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    stores(address).probe()
    stores.close()
