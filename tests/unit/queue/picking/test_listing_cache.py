"""One listing serves many claims, and a folder that has not changed is not listed again."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from themis.core.queue.folder.root import QueueRoot, make_root
from themis.core.queue.model import layout
from themis.core.queue.picking import listing_cache
from themis.core.queue.picking.listing_cache import ListingCache
from themis.core.queue.picking.skipped_jobs import SkippedJobs

SETTLED_S = 0.05
"""Several times as long as a step of the local disk's clock."""


@pytest.fixture
def root(tmp_path: Path) -> QueueRoot:
    return make_root(tmp_path / "queue")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are listed, by name; a folder counts as settled soon."""
    found: list[str] = []
    listdir = os.listdir

    def listing(path: Any) -> list[str]:
        found.append(Path(path).name)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", listing)
    monkeypatch.setattr(listing_cache, "SETTLED_NS", int(SETTLED_S * 1e9))
    return found


def put(root: QueueRoot, number: int) -> str:
    name = f"5-{layout.stamp(time.time_ns())}-{number:016x}.json"
    (root.path / layout.QUEUED / name).touch()
    return name


def names(look: ListingCache, passed_over: frozenset[str] = frozenset()) -> list[str]:
    look.fill(time.time_ns(), passed_over)
    return [entry.name for entry in iter(look.next, None)]


def settle() -> None:
    time.sleep(SETTLED_S * 1.2)


def test_folders_that_have_not_changed_are_listed_once_and_give_the_same_names_each_time(
    root: QueueRoot, listed: list[str]
) -> None:
    first, second = put(root, 1), put(root, 2)
    look = ListingCache(root, SkippedJobs(), 0.0)
    settle()
    assert names(look) == [first, second]
    assert sorted(listed) == [layout.QUEUED, layout.WAITING]
    assert names(look, frozenset({first})) == [second]
    assert names(look) == [first, second]
    assert len(listed) == 2


def appears(path: Path) -> None:
    (path.parent / "new").touch()


def comes_by_a_rename(path: Path) -> None:
    (path.parent.parent / "new").touch()
    (path.parent.parent / "new").rename(path.parent / "new")


def goes(path: Path) -> None:
    path.unlink()


def is_replaced_by_another(path: Path) -> None:
    path.rename(path.parent / "new")


@pytest.mark.parametrize("change", [appears, comes_by_a_rename, goes, is_replaced_by_another])
def test_a_change_is_seen_even_if_the_time_of_the_last_one_is_set_back(
    root: QueueRoot, listed: list[str], change: Callable[[Path], None]
) -> None:
    folder = root.path / layout.QUEUED
    name = put(root, 1)
    look = ListingCache(root, SkippedJobs(), 0.0)
    settle()
    assert names(look) == [name]
    before = folder.stat()
    change(folder / name)
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))  # as unpacking an archive over it does
    listed.clear()
    assert set(names(look)) == {path.name for path in folder.iterdir()}
    assert layout.QUEUED in listed


def test_of_changes_that_follow_each_other_at_once_none_is_missed(root: QueueRoot, listed: list[str]) -> None:
    look = ListingCache(root, SkippedJobs(), 0.0)
    settle()
    names(look)
    listed.clear()
    for number in range(200):  # many within one step of the disk's clock
        name = put(root, number)
        assert name in names(look)
    assert listed.count(layout.QUEUED) == 200


def test_a_job_whose_time_comes_is_seen_though_its_folder_has_not_changed(root: QueueRoot, listed: list[str]) -> None:
    soon_ns = time.time_ns() + 300_000_000
    name = f"{layout.stamp(soon_ns)}-5-{1:016x}.json"
    (root.path / layout.WAITING / name).touch()
    look = ListingCache(root, SkippedJobs(), 0.0)
    settle()
    assert names(look) == []
    assert names(look) == []
    assert listed.count(layout.WAITING) == 1
    time.sleep(max(0.0, (soon_ns - time.time_ns()) / 1e9) + 0.01)
    assert names(look) == [name]
    assert listed.count(layout.WAITING) == 1


def test_what_was_refused_is_left_until_somebody_else_is_asked(root: QueueRoot, listed: list[str]) -> None:
    name, skipped = put(root, 1), SkippedJobs()
    look = ListingCache(root, skipped, 0.0)
    settle()
    assert names(look) == [name]
    skipped.note(name, "not for this one")
    assert names(look) == names(look) == []
    skipped.begin(lambda _: None)
    assert names(look) == [name]
    assert listed.count(layout.QUEUED) == 1


def test_a_folder_that_hosts_share_is_listed_each_time(root: QueueRoot, listed: list[str]) -> None:
    look = ListingCache(replace(root, shared=True), SkippedJobs(), 0.0)
    settle()
    for _ in range(3):
        names(look)
    assert listed.count(layout.QUEUED) == 3
