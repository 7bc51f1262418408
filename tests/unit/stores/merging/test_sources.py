"""Files that are to be merged: they are only read, older ones as they are, and what is not a store is refused."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.merged_stores import (
    LONG,
    SPEND,
    differences,
    ended,
    fill,
    generated,
    merge,
    rows_of,
    snapshot,
    store_of,
)
from tests.support.shared_file_store import KIND
from tests.support.stores import third_kind
from themis.core.errors import (
    InputError,
    NetworkFilesystemError,
    NewerSchemaError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreMissingError,
)
from themis.core.stores import sqlite_store
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import merge_stores
from themis.core.stores.sql import tables
from themis.core.stores.sqlite import schema as sqlite_schema
from themis.core.stores.sqlite.merging import source as merge_source
from themis.core.stores.sqlite.merging import target as merge_target

RUN = snapshot()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return store_of(tmp_path / "good.sqlite3", RUN, range(4))


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "all.sqlite3"


def test_a_file_that_is_not_there_is_not_made(good: Path, into: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.sqlite3"
    with pytest.raises(StoreMissingError, match=r"missing\.sqlite3: is not there"):
        merge([good, missing], into)
    assert not missing.exists()
    assert not into.exists(), "all files are looked at before anything is written"


@pytest.mark.parametrize("content", [b"", b"a text file\n" * 400, b"SQLite format 3\x00" + b"\x00" * 4096])
def test_a_file_that_is_not_a_store_is_refused(good: Path, into: Path, tmp_path: Path, content: bytes) -> None:
    hostile = tmp_path / "hostile.sqlite3"
    hostile.write_bytes(content)
    with pytest.raises(StoreCorruptError, match=r"hostile\.sqlite3: not a readable Themis database"):
        merge([good, hostile], into)
    assert hostile.read_bytes() == content
    assert not into.exists()


def test_the_database_of_another_application_is_refused(good: Path, into: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite3"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE runs (run_id TEXT)")
    with pytest.raises(StoreCorruptError, match="made by another application"):
        merge([good, foreign], into)
    with pytest.raises(StoreCorruptError, match="made by another application"):
        merge([good], foreign)
    assert not into.exists()


def test_a_truncated_file_is_refused_by_its_name(good: Path, into: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.sqlite3"
    cut.write_bytes(good.read_bytes()[:-8192])
    with pytest.raises(StoreCorruptError, match=r"cut\.sqlite3: not a readable"):
        merge([cut], into)


def test_a_damaged_page_is_the_source_s_and_what_was_merged_before_stays(
    good: Path, into: Path, tmp_path: Path
) -> None:
    damaged = store_of(tmp_path / "damaged.sqlite3", snapshot(3_000, "many"), range(3_000))
    content = bytearray(damaged.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 3 * 4096] = b"\xff" * 3 * 4096
    damaged.write_bytes(content)
    with pytest.raises(StoreCorruptError, match=r"damaged\.sqlite3: not a readable"):
        merge([good, damaged], into)
    with closing(sqlite_store(into)) as store:
        assert store.count_ends(RUN.run_id) == (4, 0)
    assert not merge([good], into).changed


def test_damage_that_only_the_target_s_connection_meets_is_the_source_s_too(good: Path, into: Path) -> None:
    with closing(sqlite3.connect(good)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'blobs'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(good.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    good.write_bytes(content)
    with pytest.raises(StoreCorruptError, match=r"good\.sqlite3: not a readable"):
        merge([good], into)


def test_ids_that_no_run_has_are_refused_as_they_become_names_of_files(good: Path, into: Path) -> None:
    with closing(sqlite3.connect(good)) as connection:
        connection.execute("UPDATE runs SET run_id = '../../elsewhere'")
        connection.commit()
    with pytest.raises(StoreCorruptError, match=r"it has a run with the id '\.\./\.\./elsewhere'"):
        merge([good], into)
    assert rows_of(into)["runs"] == []


def test_a_run_without_its_snapshot_is_refused_and_the_others_are_merged(good: Path, into: Path) -> None:
    with closing(sqlite_store(good)) as store:
        store.create_run(snapshot(3, "other"))
    with closing(sqlite3.connect(good)) as connection:
        connection.execute(
            "DELETE FROM blobs WHERE digest = (SELECT snapshot FROM runs WHERE run_id = ?)", (RUN.run_id,)
        )
        connection.commit()
    (source,) = merge([good], into).sources
    assert [refused.run_id for refused in source.refused] == [RUN.run_id]
    assert "has no snapshot" in source.refused[0].why
    assert len(rows_of(into)["runs"]) == 1


def test_the_target_is_not_merged_into_itself_under_any_name(good: Path, into: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite3"
    link.symlink_to(good)
    for name in (good, link):
        with pytest.raises(InputError, match="is the store to merge into; name only the others"):
            merge([name], good)


def test_a_newer_store_is_refused_as_it_may_have_what_would_be_lost(good: Path, into: Path) -> None:
    with closing(sqlite3.connect(good)) as connection:
        connection.execute(f"PRAGMA user_version = {tables.SCHEMA_VERSION + 1}")
    with pytest.raises(NewerSchemaError, match="written by a newer Themis"):
        merge([good], into)
    assert not into.exists()


@pytest.mark.parametrize("version", range(1, tables.SCHEMA_VERSION))
def test_an_older_store_is_read_as_it_is_without_an_upgrade(tmp_path: Path, into: Path, version: int) -> None:
    """Its tables are those of its version; what it does not have is empty."""
    old, new = tmp_path / "old.sqlite3", store_of(tmp_path / "new.sqlite3", RUN, range(4))
    steps = [*tables.FIRST_TABLES, *(step for number in range(1, version) for step in tables.UPGRADES[number])]
    with closing(sqlite3.connect(old)) as connection:
        for step in steps:
            connection.execute(step)
        connection.execute(f"PRAGMA application_id = {sqlite_schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("ATTACH ? AS new", (str(new),))
        for table in ("runs", "cases", "outcomes", "blobs", "reuse_keys"):
            names = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}")  # noqa: S608
        connection.commit()
    before = old.read_bytes()
    merge([old], into)
    assert differences(into, new) == {}
    assert old.read_bytes() == before


def test_a_file_in_a_folder_that_cannot_be_written_is_merged(good: Path, into: Path) -> None:
    folder = good.parent / "archive"
    folder.mkdir()
    kept = folder / "good.sqlite3"
    kept.write_bytes(good.read_bytes())
    kept.chmod(0o444)
    folder.chmod(0o555)
    try:
        merge([kept], into)
    finally:
        folder.chmod(0o755)
    assert differences(into, good) == {}
    assert [path.name for path in folder.iterdir()] == ["good.sqlite3"] or os.geteuid() == 0


def test_a_closed_file_on_a_network_filesystem_is_merged_and_one_in_use_is_not(
    good: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_source, "network_filesystem", lambda _: "nfs")
    merge([good], into)
    assert differences(into, good) == {}
    with closing(sqlite_store(good)) as store:
        store.put_spend(RUN.run_id, 1, SPEND % 1)
        with pytest.raises(NetworkFilesystemError, match="nfs"):
            merge([good], into)


def test_a_run_that_is_being_run_is_left_out_on_either_side(good: Path, into: Path) -> None:
    with closing(sqlite_store(good)) as store, store.hold_run(RUN.run_id):
        (refused,) = merge([good], into).sources[0].refused
    assert refused.why.startswith(f"run {RUN.run_id[:12]} is being run from {good} by process {os.getpid()}")
    merge([good], into)
    with closing(sqlite_store(into)) as store, store.hold_run(RUN.run_id):
        (refused,) = merge([good], into).sources[0].refused
    assert f"in {into}: run {RUN.run_id[:12]}: run lock held by process {os.getpid()}" in refused.why
    assert not merge([good], into).refused


def test_texts_that_come_while_the_source_is_merged_are_there_before_their_rows(
    good: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process begins a run of the source after its texts were read."""
    add_texts = merge_target._AttachedFile.add_texts
    written: list[int] = []

    def and_then(self: merge_target._AttachedFile, tell: Callable[[int], None]) -> None:
        add_texts(self, tell)
        if not written:
            written.append(1)
            with closing(sqlite_store(good)) as store:
                store.append(RUN.run_id, [generated(9, LONG)], [ended(9)])

    monkeypatch.setattr(merge_target._AttachedFile, "add_texts", and_then)
    merge([good], into)
    with closing(sqlite_store(into)) as store:
        assert store.outcomes_between(RUN.run_id, 9, 10)[0].output is not None


def test_a_full_disk_is_said_of_the_target_and_the_merge_goes_on_later(
    tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.sqlite3"
    with closing(sqlite_store(whole)) as store:
        fill(store)
    configure = merge_target._TargetDatabase._configure

    def small(self: merge_target._TargetDatabase, connection: sqlite3.Connection) -> None:
        configure(self, connection)
        connection.execute("PRAGMA max_page_count = 24")

    with monkeypatch.context() as patch:
        patch.setattr(merge_target._TargetDatabase, "_configure", small)
        with pytest.raises(StoreFullError, match=r"all\.sqlite3: the disk is full"):
            merge([whole], into)
    merge([whole], into)
    assert differences(into, whole) == {}


def test_a_kind_of_store_that_cannot_take_others_says_so(good: Path, shared: StoreLocation) -> None:
    with pytest.raises(StoreError, match="into which no other can be merged"):
        merge_stores([good], shared, None, lambda _: None)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[StoreLocation]:
    with third_kind():
        yield StoreLocation(KIND, f'{{"path":"{tmp_path / "s.json"}"}}')
