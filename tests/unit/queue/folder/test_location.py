"""Where a queue lies: at home by whatever path it is reached, moved, copied, or a question for a person."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.processes.queue_world import World, world
from themis.core.errors import QueueElsewhereError
from themis.core.queue import FileQueue, StoreAddress
from themis.core.queue.admin.relocation import relocate
from themis.core.queue.folder import location
from themis.core.queue.folder.location import QueueLocation, Whereabouts
from themis.core.queue.folder.root import make_root, open_root
from themis.core.stores.sqlite.jobs import SqliteJobStore


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    """A queue in `a/queue`, with a job."""
    (tmp_path / "a").mkdir()
    with world(tmp_path / "a") as opened:
        opened.submit("run")
        yield opened


def _document(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / "queue.json").read_text()))


def _recorded(root: Path) -> QueueLocation:
    place = location.said(_document(root))
    assert place is not None
    return place


def _find(root: Path, recorded: QueueLocation, *, shared: bool = False) -> Whereabouts:
    return location.find(root, _document(root)["queue_id"], recorded, shared=shared)


def test_a_queue_says_where_it_lies(here: World) -> None:
    found = here.queue.path.stat()
    recorded = _recorded(here.queue.path)
    assert recorded == QueueLocation(
        str(here.queue.path), found.st_dev, found.st_ino, location.here(here.queue.path).host
    )
    assert _find(here.queue.path, recorded) is Whereabouts.HOME


def test_a_queue_that_an_earlier_version_made_is_given_a_place_by_who_writes(here: World) -> None:
    root = here.queue.path
    document = _document(root)
    recorded = document.pop("place")
    (root / "queue.json").write_text(json.dumps(document))
    open_root(root, write=False)
    assert "place" not in _document(root)
    open_root(root)
    assert _document(root) == {**document, "place": recorded}


def test_a_disk_that_got_another_number_is_noted_and_no_move(here: World) -> None:
    root = here.queue.path
    recorded = _recorded(root)
    (root / "queue.json").write_text(
        json.dumps(location.tell(_document(root), replace(recorded, device=recorded.device + 1)))
    )
    open_root(root, write=False)
    assert _recorded(root) != recorded
    open_root(root)
    assert _recorded(root) == recorded


def test_on_a_share_the_number_that_another_host_saw_stays_and_nothing_is_written_at_each_opening(
    tmp_path: Path,
) -> None:
    root = make_root(tmp_path / "queue", shared=True).path
    theirs = replace(_recorded(root), device=-1)
    (root / "queue.json").write_text(json.dumps(location.tell(_document(root), theirs)))
    inode = (root / "queue.json").stat().st_ino
    open_root(root)
    assert (_recorded(root), (root / "queue.json").stat().st_ino) == (theirs, inode)


@pytest.mark.parametrize(
    "place",
    [
        *(None, [], {}),
        {"path": "a", "device": 1, "inode": 1, "host": "h"},
        {"path": 1, "device": 1, "inode": 1, "host": "h"},
        {"path": "/a", "device": "1", "inode": 1, "host": "h"},
        {"path": "/a", "device": 1, "inode": None, "host": "h"},
        {"path": "/a", "device": 1, "inode": 1, "host": 1},
    ],
)
def test_what_is_no_place_is_none(place: object) -> None:
    assert location.said({"place": place}) is None


def test_a_link_leads_home(here: World, tmp_path: Path) -> None:
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert _find(tmp_path / "b" / "queue", _recorded(here.queue.path)) is Whereabouts.HOME


def test_another_mount_of_the_same_folder_is_known_by_what_is_written_there(
    here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = _recorded(here.queue.path)
    other = tmp_path / "mount"
    other.symlink_to(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    real = location.here

    def as_a_share_shows_it(root: Path) -> QueueLocation:
        return replace(real(root), device=hash(root.parent.name))

    monkeypatch.setattr(location, "here", as_a_share_shows_it)
    assert _find(other / "queue", recorded) is Whereabouts.HOME
    assert _find(tmp_path / "copy" / "queue", recorded) is Whereabouts.COPIED
    assert not list((tmp_path / "a" / "queue" / "tmp").iterdir()), "the hint is removed"
    open_root(other / "queue")
    assert _recorded(here.queue.path) == recorded, "who comes by another way changes nothing"


def test_a_copy_is_one_while_the_original_is_there(here: World, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    recorded = _recorded(here.queue.path)
    copy = tmp_path / "b" / "queue"
    assert _find(copy, recorded) is Whereabouts.COPIED
    assert _find(here.queue.path, recorded) is Whereabouts.HOME
    with pytest.raises(QueueElsewhereError, match="is a copy of the queue at") as raised:
        open_root(copy)
    assert raised.value.facts["whereabouts"] == "copied"
    with pytest.raises(QueueElsewhereError):
        make_root(copy)
    assert open_root(copy, write=False) is not None, "looking is free"
    shutil.rmtree(tmp_path / "a" / "queue")
    assert _find(copy, recorded) is Whereabouts.UNCLEAR


def _elsewhere(recorded: QueueLocation, **changes: Any) -> QueueLocation:
    return replace(recorded, path="/gone/queue", **changes)


def test_a_folder_whose_path_is_gone_was_moved_on_its_own_host(here: World) -> None:
    recorded = _recorded(here.queue.path)
    assert _find(here.queue.path, _elsewhere(recorded)) is Whereabouts.MOVED
    other_queue = replace(recorded, path="/")
    assert _find(here.queue.path, other_queue) is Whereabouts.MOVED, "what is there now is another queue, or none"


def test_a_container_sees_the_same_folder_by_a_path_of_its_own(here: World, tmp_path: Path) -> None:
    root = here.queue.path
    recorded = _elsewhere(_recorded(root), host="another")
    assert _find(root, recorded) is Whereabouts.HOME
    (tmp_path / "a" / "store.sqlite3").rename(tmp_path / "store")
    assert _find(root, recorded) is Whereabouts.MOVED, "nothing that it names is to be found"
    (root / "stores").rename(root / "aside")
    (root / "stores").mkdir()
    assert _find(root, recorded) is Whereabouts.HOME, "it names nothing"


def test_another_folder_is_a_question_but_on_a_share(here: World) -> None:
    recorded = _recorded(here.queue.path)
    moved_to_another_disk = _elsewhere(recorded, device=recorded.device + 1)
    from_another_host = replace(moved_to_another_disk, host="another")
    assert _find(here.queue.path, moved_to_another_disk) is Whereabouts.UNCLEAR
    assert _find(here.queue.path, moved_to_another_disk, shared=True) is Whereabouts.UNCLEAR
    assert _find(here.queue.path, from_another_host) is Whereabouts.UNCLEAR
    assert _find(here.queue.path, from_another_host, shared=True) is Whereabouts.HOME


def test_a_path_is_found_again_where_the_project_went(tmp_path: Path) -> None:
    for name in ("a/data", "b/data", "b/new", "a/only-old", "ab"):
        (tmp_path / name).mkdir(parents=True)
    old, new = (str(tmp_path / name / "runs" / "queue") for name in "ab")
    now: Callable[[str], str] = location.rebase(old, new)
    assert location.projects(old, new) == (tmp_path / "a", tmp_path / "b")
    for before, after in {
        "a/data": "b/data",
        "a/new": "b/new",
        "a/only-old": "a/only-old",
        "a/nowhere": "b/nowhere",
        "ab": "ab",
        "a": "b",
    }.items():
        assert now(str(tmp_path / before)) == str(tmp_path / after)
    assert now("a/data") == "a/data"
    assert location.rebase("/x/queue", "/y/jobs")("/x/store") == "/x/store", "only the queue's folder was moved"
    assert location.rebase("/x/queue", "/y/jobs")("/x/queue/logs") == "/y/jobs/logs"


def test_a_copy_gets_the_same_id_when_it_is_told_again(tmp_path: Path) -> None:
    place = location.here(tmp_path)
    one = "7a0c54a8-4d9f-4b58-8dd2-2ad4aa4b0a11"
    assert location.id_of_copy(one, place) == location.id_of_copy(one, place) != one
    assert location.id_of_copy(one, place) != location.id_of_copy(one, replace(place, path="/elsewhere"))


@pytest.mark.parametrize("told", ["moved", "copied"])
def test_a_job_that_was_found_again_is_another_version_of_itself(
    tmp_path: Path, told: Literal["moved", "copied"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteJobStore, "move_run", lambda *_: None)  # these stores have jobs alone
    old, new = tmp_path / "a", tmp_path / "b"
    old.mkdir()
    with world(old) as there:
        before = there.store.load(there.submit("run"))
        (there.queue.path / "workers" / "w1").touch()
    assert before is not None
    shutil.copytree(old, new)
    if told == "moved":
        shutil.rmtree(old)
    with world(new) as there:
        done = relocate(there.queue.path, lambda _: there.store, told)
        assert there.store.load(before.key) == before._replace(
            version=before.version + 1,
            queue_root=str(there.queue.path),
            queue_id=_document(there.queue.path)["queue_id"],
        )
        assert (_document(there.queue.path)["queue_id"] == before.queue_id) is (told == "moved")
        workers = [path.name for path in (there.queue.path / "workers").iterdir()]
        assert workers == (["w1"] if told == "moved" else []), "a copy's workers are the original's"
    assert done is not None
    assert (done.jobs, done.left, done.stores) == (1, (), (str(new / "store.sqlite3"),))


def test_a_store_is_reached_by_the_path_that_was_written_last(here: World) -> None:
    """Whatever the manifests say."""
    moved = replace(here.address, path="/elsewhere/store.sqlite3")
    (entry,) = (here.queue.path / "stores").iterdir()
    entry.write_text(json.dumps({"kind": moved.kind, "path": moved.path, "id": moved.id}))
    asked: list[StoreAddress] = []

    def open_store(address: StoreAddress) -> SqliteJobStore:
        asked.append(address)
        return here.store

    queue = FileQueue(here.queue.path, open_store)
    claim = queue.claim(here.owner).claim
    assert claim is not None
    assert claim.manifest.store == moved
    assert set(asked) == {moved}
    claim.give_back()
