"""What arrives in a queue's folder, or is named as one: one clear line, nothing lost, the next job unharmed."""

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from themis.core.errors import (
    AmbiguousJobError,
    JobError,
    ManifestError,
    NewerQueueFormatError,
    QueueBusyError,
    QueueFileError,
    QueueRootError,
    StoreIOError,
    ThemisError,
    UnknownJobError,
)
from themis.core.files import durable
from themis.core.queue import FileQueue
from themis.core.queue.folder import locks
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.states import Cause, JobState
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.transitions import quarantine
from themis.core.stores.job_rows import job_key
from themis.core.stores.sqlite.jobs import SqliteJobStore

NAME = f"0-{layout.stamp(5)}-{{}}.json"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        opened.submit("good")
        yield opened


def _reasons(here: World) -> dict[str, str]:
    found = (json.loads(path.read_text()) for path in here.queue.path.glob("rejected/*.reason.json"))
    return {facts["name"]: facts["reason"] for facts in found}


def _next_job_is_unharmed(here: World) -> None:
    claim = here.claim()
    assert claim is not None
    assert claim.row.run_id == "good"
    here.finish(claim)
    assert here.claim() is None
    here.assert_promise("good", state=JobState.DONE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (b"null", "not_a_manifest"),
        (b"x" * 70_000, "too_large"),
        (b"[" * 60_000, "too_deep"),
    ],
)
def test_a_bad_file_is_rejected_with_its_reason(here: World, content: bytes, reason: str) -> None:
    name = NAME.format("f" * 16)
    (here.queue.path / "queued" / name).write_bytes(content)
    _next_job_is_unharmed(here)
    assert _reasons(here) == {name: reason}
    assert (here.queue.path / "rejected" / name).read_bytes() == content


def test_a_link_a_pipe_and_a_folder_are_rejected(here: World) -> None:
    queued = here.queue.path / "queued"
    link, pipe, folder = (NAME.format(digit * 16) for digit in "abc")
    (queued / link).symlink_to("/etc/passwd")
    os.mkfifo(queued / pipe)
    (queued / folder).mkdir()
    (queued / folder / "inside").touch()
    _next_job_is_unharmed(here)
    assert _reasons(here) == {link: "not_a_file", pipe: "not_a_file", folder: "not_a_file"}


@pytest.mark.parametrize(
    "name", ["notes.txt", "0", "x" * 250, "\udcff.json", "5-2026-0123456789abcdef.json", "a\n.json"]
)
def test_a_file_with_a_name_of_its_own_is_rejected(here: World, name: str) -> None:
    for folder in ("queued", "claimed"):
        (here.queue.path / folder / name).write_text("{}")
    _next_job_is_unharmed(here)
    assert _reasons(here) == {name: "bad_name"}
    assert here.queue.admin.counts()["rejected"] == 2


def test_hidden_files_are_left_alone(here: World) -> None:
    (here.queue.path / "queued" / ".part").write_text("{")
    _next_job_is_unharmed(here)
    assert (here.queue.path / "queued" / ".part").exists()


def test_a_manifest_whose_store_knows_no_such_job_is_rejected(here: World) -> None:
    job = here.job("never submitted")
    text = manifest_file.encode(manifest_file.Manifest(job.key, job.run_id, job.store, job.limits, 5, 5, "test", {}))
    (here.queue.path / "queued" / NAME.format(job.key)).write_bytes(text)
    _next_job_is_unharmed(here)
    assert list(_reasons(here).values()) == ["unknown_job"]


def test_a_manifest_for_another_store_at_its_address_is_rejected(here: World) -> None:
    other = StoreAddress("sqlite", here.address.path, "another-id")
    key = job_key("run", other.id)
    text = manifest_file.encode(manifest_file.Manifest(key, "run", other, here.job("x").limits, 5, 5, "test", {}))
    (here.queue.path / "queued" / NAME.format(key)).write_bytes(text)
    _next_job_is_unharmed(here)
    assert list(_reasons(here).values()) == ["other_store"]


def test_a_job_whose_file_went_bad_fails_as_an_invalid_manifest_and_can_be_tried_again(here: World) -> None:
    key = here.submit("spoilt")
    (path,) = here.queue.admin.show(key).paths
    path.write_text('{"format": 1')
    _next_job_is_unharmed(here)
    row = here.store.load(key)
    assert row is not None
    assert (row.state, row.cause) == (JobState.FAILED, Cause.INVALID_MANIFEST)
    assert here.files_of(key) == ["failed"]
    here.queue.admin.retry(key)
    here.drain()
    here.assert_promise("spoilt", state=JobState.DONE)


def test_a_bad_copy_does_not_end_the_job_that_has_a_good_file(here: World) -> None:
    (here.queue.path / "queued" / NAME.format(here.job("good").key)).write_text("{")
    _next_job_is_unharmed(here)


def test_a_file_that_is_still_being_copied_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with world(tmp_path) as here:
        key = here.submit("slow")
        (path,) = here.queue.admin.show(key).paths
        whole = path.read_bytes()
        path.write_bytes(whole[:50])
        here.queue = FileQueue(here.queue.path, lambda _: here.store, copy_grace_s=30)
        monkeypatch.setattr(time, "sleep", lambda _: path.write_bytes(whole))
        claim = here.claim()
        assert claim is not None
        here.finish(claim)
        assert here.queue.admin.counts()["rejected"] == 0


def test_a_file_that_stays_half_copied_is_left_until_it_has_been_left_alone(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit("good")
        (here.queue.path / "queued" / NAME.format("f" * 16)).write_text("{")
        here.queue = FileQueue(here.queue.path, lambda _: here.store, copy_grace_s=0.2)
        claim = here.claim()
        assert claim is not None
        assert list(here.result.left) == [NAME.format("f" * 16)]
        here.finish(claim)
        assert here.claim() is None
        assert list(_reasons(here).values()) == ["not_json"]


@pytest.mark.parametrize("becomes", ["rejected", "gone"])
def test_a_half_copied_file_that_is_done_with_is_not_waited_for(
    here: World, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    good = here.claim()
    assert good is not None
    here.finish(good)
    torn = here.queue.path / "queued" / NAME.format("f" * 16)
    torn.write_text("{")
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    if becomes == "gone":
        here.queue = FileQueue(here.queue.path, lambda _: here.store, copy_grace_s=30)
        really = os.lstat

        def lstat(path: str, **options: int | None) -> os.stat_result:
            if path == str(torn):
                torn.unlink(missing_ok=True)  # just then
            return really(path, **options)

        monkeypatch.setattr(os, "lstat", lstat)
    assert here.claim() is None
    assert (pauses, torn.exists()) == ([], False)
    assert here.queue.admin.counts()["rejected"] == (becomes == "rejected")


def test_a_store_that_cannot_be_used_now_leaves_its_jobs_where_they_are(here: World) -> None:
    elsewhere = here.folder / "elsewhere"
    elsewhere.mkdir()

    def open_store(address: StoreAddress) -> object:
        if address.path == here.address.path:
            raise StoreIOError(path=address.path, detail="as the test says")
        return there.store

    with world(elsewhere) as there:
        there.queue = FileQueue(here.queue.path, lambda _: there.store)
        there.submit("other")
        queue = FileQueue(here.queue.path, open_store)  # type: ignore[arg-type]
        result = queue.claim(here.owner)
        claim = result.claim
        assert claim is not None
        assert claim.row.run_id == "other"
        assert [str(why) for why in result.left.values()] == [
            f"{here.address.path}: the disk cannot be read or written (as the test says)"
        ]
        claim.give_back()
    assert here.files_of(here.job("good").key) == ["queued"]


def test_an_unfinished_job_of_another_queue_is_not_queued_twice(here: World, tmp_path: Path) -> None:
    second = FileQueue(tmp_path / "second", lambda _: here.store)
    with pytest.raises(JobError, match="in another queue"):
        second.submit(here.job("good"))
    here.drain()
    assert second.submit(here.job("good")).state == JobState.DONE
    assert second.submit(here.job("good"), rerun=True).state == JobState.QUEUED


def test_a_job_of_a_queue_that_is_gone_is_queued_here(here: World, tmp_path: Path) -> None:
    shutil.rmtree(here.queue.path)
    here.queue = FileQueue(tmp_path / "second", lambda _: here.store)
    assert here.queue.submit(here.job("good")).state == JobState.QUEUED
    here.drain()
    here.assert_promise("good", state=JobState.DONE)


def test_jobs_are_named_by_the_beginning_of_their_keys(here: World) -> None:
    for number in range(20):
        here.submit(f"run-{number}")
    key = here.job("good").key
    assert here.queue.admin.show(key[:12]).row.key == key
    with pytest.raises(AmbiguousJobError):
        here.queue.admin.show("")
    with pytest.raises(UnknownJobError):
        here.queue.admin.cancel("zzz")


def test_a_payload_that_could_not_be_read_again_is_refused_before_anything_is_written(here: World) -> None:
    with pytest.raises(ManifestError):
        here.queue.submit(replace(here.job("large"), payload={"text": "x" * 70_000}))
    assert here.store.load(here.job("large").key) is None


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with world(tmp_path) as here, pytest.raises(QueueRootError, match="is not a folder"):
            FileQueue(path, lambda _: here.store).submit(here.job("run"))
    with world(tmp_path) as here, pytest.raises(QueueRootError, match="is not a folder"):
        FileQueue(tmp_path / "file", lambda _: here.store).claim(here.owner)


def test_a_queue_of_a_newer_format_is_refused_by_name(here: World) -> None:
    (here.queue.path / "queue.json").write_text('{"format": 2, "queue_id": "x"}')
    with pytest.raises(NewerQueueFormatError, match=r"newer Themis .queue format 2, this version reads up to 1"):
        FileQueue(here.queue.path, lambda _: here.store).claim(here.owner)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "1", "queue_id": 1}', "[" * 4_000])
def test_an_unreadable_queue_file_is_one_clear_line(here: World, text: str) -> None:
    (here.queue.path / "queue.json").write_text(text)
    with pytest.raises(QueueRootError) as caught:
        FileQueue(here.queue.path, lambda _: here.store).claim(here.owner)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EXDEV])
def test_a_root_that_cannot_be_written_is_one_clear_line(
    here: World, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code), "tmp", None, "queued")

    monkeypatch.setattr(durable, "probe_rename", fail)
    for use in ("submit", "claim"):
        queue = FileQueue(here.queue.path, lambda _: here.store)
        with pytest.raises(QueueRootError, match=os.strerror(code)) as caught:
            queue.submit(here.job("run")) if use == "submit" else queue.claim(here.owner)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == (2 if code == errno.EXDEV else 4)


def test_a_queue_on_two_filesystems_is_refused(here: World) -> None:
    elsewhere = Path("/dev/shm")  # noqa: S108  # another filesystem than the tests' own, where there is one
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == here.folder.stat().st_dev:
        pytest.skip("there is only one filesystem here")
    far = elsewhere / f"queue-test-{os.getpid()}"
    far.mkdir()
    try:
        shutil.rmtree(here.queue.path / "done")
        (here.queue.path / "done").symlink_to(far)
        with pytest.raises(QueueRootError, match="link"):
            FileQueue(here.queue.path, lambda _: here.store).submit(here.job("run"))
    finally:
        shutil.rmtree(far)


def test_a_queue_that_others_can_write_to_is_not_claimed_from_unless_told_to(here: World) -> None:
    here.queue.path.joinpath("queued").chmod(0o777)
    with pytest.raises(QueueRootError, match="other users can write"):
        FileQueue(here.queue.path, lambda _: here.store).claim(here.owner)
    claim = FileQueue(here.queue.path, lambda _: here.store, trust_others=True).claim(here.owner).claim
    assert claim is not None
    claim.abandon()


def test_a_folder_without_a_queue_has_nothing_to_claim_and_is_left_as_it_is(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        assert here.claim() is None
        assert here.queue.admin.counts() == {}
        assert here.queue.admin.list_jobs() == []
        with pytest.raises(ThemisError, match="the first submit makes it"):
            here.queue.admin.cancel("abc")
        assert not here.queue.path.exists()


def test_what_is_no_job_s_file_among_the_ended_ones_is_left_listed_by_nobody_and_told_once(here: World) -> None:
    _next_job_is_unharmed(here)
    for name in ("README.md", "notes.json"):
        (here.queue.path / "done" / name).write_text("hello")
    assert here.claim() is None
    for fix in (False, True):
        found = here.queue.admin.doctor(fix=fix)
        assert [(one.what, one.harmless, one.fixed) for one in found] == [
            ("done/README.md", True, False),
            ("done/notes.json", True, False),
        ]
    assert here.queue.admin.counts()["done"] == 1
    assert [job.folder for job in here.queue.admin.list_jobs()] == ["done"]
    assert {path.name for path in (here.queue.path / "done").iterdir()} >= {"README.md", "notes.json"}
    assert list((here.queue.path / "rejected").iterdir()) == []


def _again(here: World) -> FileQueue:
    return FileQueue(here.queue.path, lambda _: here.store)


@pytest.mark.parametrize("text", ["", "{", "[]", None])
def test_the_doctor_writes_a_lost_queue_file_again_with_the_id_of_its_jobs(here: World, text: str | None) -> None:
    file = here.queue.path / "queue.json"
    queue_id = json.loads(file.read_text())["queue_id"]
    file.unlink() if text is None else file.write_text(text)
    words = r"its queue\.json is .*; themis queue doctor --fix writes it again$"
    with pytest.raises(QueueFileError, match=words):
        _again(here).claim(here.owner)
    with pytest.raises(QueueFileError, match=words):
        _again(here).submit(here.job("other"))
    (finding,) = _again(here).admin.doctor(fix=False)
    assert (finding.what, finding.fixed) == (str(file), False)
    assert file.exists() is (text is not None)
    assert [one.fixed for one in _again(here).admin.doctor()] == [True]
    document = json.loads(file.read_text())
    assert (document["queue_id"], document["shared"]) == (queue_id, False)
    _next_job_is_unharmed(here)


def test_a_queue_file_is_not_made_up_while_nobody_can_tell_the_id(here: World) -> None:
    (here.queue.path / "queue.json").write_text("")

    def refuse(address: StoreAddress) -> SqliteJobStore:
        raise StoreIOError(path=address.path, detail="gone")

    (finding,) = FileQueue(here.queue.path, refuse).admin.doctor()
    assert not finding.fixed
    assert finding.advice is not None
    assert finding.advice.startswith("put the results store of its jobs back first")
    assert (here.queue.path / "queue.json").read_text() == ""


def test_a_queue_that_other_hosts_used_is_shared_when_its_file_is_written_again(here: World) -> None:
    (here.queue.path / "queue.json").write_text("")
    (here.queue.path / "workers" / "w.json").write_text('{"host": "elsewhere"}')
    _again(here).admin.doctor()
    assert json.loads((here.queue.path / "queue.json").read_text())["shared"] is True


def test_an_emptied_queue_without_jobs_gets_a_new_id(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit("one")
        for path in here.queue.path.rglob("*.json"):
            path.unlink()
        (here.queue.path / "queue.json").write_text("")
        (finding,) = FileQueue(here.queue.path, lambda _: here.store).admin.doctor()
        assert finding.fixed
        assert "with a new id" in str(finding.action)


def test_a_queue_that_lost_all_its_files_has_the_id_of_the_jobs_that_were_submitted_there(here: World) -> None:
    queue_id = json.loads((here.queue.path / "queue.json").read_text())["queue_id"]
    other = FileQueue(here.folder / "other", lambda _: here.store)
    other.submit(here.job("theirs"), prepare=lambda: None)
    for path in here.queue.path.glob("queued/*"):
        path.unlink()
    (here.queue.path / "queue.json").write_text("")
    assert _again(here).admin.doctor()[0].fixed
    assert json.loads((here.queue.path / "queue.json").read_text())["queue_id"] == queue_id


def test_the_file_of_a_copied_queue_is_not_written_as_if_the_original_s_jobs_were_its_own(here: World) -> None:
    copy = here.folder / "copy"
    shutil.copytree(here.queue.path, copy)
    (copy / "queue.json").write_text("")
    (finding,) = FileQueue(copy, lambda _: here.store).admin.doctor()
    assert not finding.fixed
    assert f"its jobs are in the queue at {here.queue.path}: put the file back" in str(finding.advice)


@pytest.mark.parametrize("name", ["queued", "tmp", "locks"])
def test_a_folder_of_a_queue_that_is_a_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / name).touch()
    with world(tmp_path) as here, pytest.raises(QueueRootError, match=f"queue/{name} is not a folder"):
        here.submit("run-1")


def test_a_queue_that_cannot_be_used_is_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "queue"

    def refused(folder: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    with world(tmp_path) as here:
        monkeypatch.setattr(durable, "make_folder", refused)
        with pytest.raises(QueueRootError) as raised:
            here.submit("run-1")
    assert str(raised.value).count(str(root)) == 1


def test_a_queue_made_before_it_said_where_it_lies_says_so_once_it_is_used(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.submit("run-1")
        path = here.queue.path / "queue.json"
        document = json.loads(path.read_text())
    path.write_text(json.dumps({name: document[name] for name in ("format", "queue_id")}))
    with world(tmp_path) as here:
        assert here.queue.admin.counts()["queued"] == 1
        assert set(json.loads(path.read_text())) == {"format", "queue_id"}, "looking changes nothing"
        here.submit("run-2")
    told = json.loads(path.read_text())
    assert told["queue_id"] == document["queue_id"]
    assert set(told) == set(document) - {"shared", "lease_s"}


def test_trying_whether_a_queue_can_be_written_leaves_nothing(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here.queue.probe()
    assert list((here.queue.path / "tmp").iterdir()) == []

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        here.queue.probe()
    assert list((here.queue.path / "tmp").iterdir()) == []


def test_a_queue_is_made_for_its_owner_alone(here: World) -> None:
    for folder in (here.queue.path, *(here.queue.path / name for name in layout.FOLDERS)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_files_of_one_name_are_rejected_under_names_that_are_counted_from_two(here: World) -> None:
    for content in ("a", "b", "c"):
        (here.queue.path / "queued" / "no job").write_text(content)
        here.queue.wake()
        claim = here.claim()
        assert claim is not None
        claim.give_back()
    rejected = here.queue.path / "rejected"
    assert {path.name: path.read_text() for path in rejected.iterdir() if path.suffix != ".json"} == {
        "no job": "a",
        "no job.2": "b",
        "no job.3": "c",
    }


def test_whether_a_claim_left_a_job_that_somebody_had_in_hand_is_told(here: World) -> None:
    key = here.job("good").key
    lock = locks.acquire(here.queue.path / "locks", key)
    assert lock is not None
    assert here.claim() is None
    assert here.result.is_busy
    lock.release()
    here.queue.wake()
    claim = here.claim()
    assert claim is not None
    assert not here.result.is_busy
    here.finish(claim)


@pytest.mark.parametrize(("key", "named"), [("f" * 16, "f" * 16), ("", "no job")])
def test_a_file_that_cannot_be_put_aside_while_others_are_is_named(
    here: World, monkeypatch: pytest.MonkeyPatch, key: str, named: str
) -> None:
    monkeypatch.setattr(quarantine, "LOCK_WAIT_S", 0.0)
    lock = locks.acquire(here.queue.path / "locks", quarantine.LOCK)
    assert lock is not None
    error = ManifestError(name="no job", reason="not_json", detail="d")
    with pytest.raises(QueueBusyError) as raised:
        quarantine.quarantine_file(here.queue._folder.parts()[0], layout.Entry("queued", "no job", key), error, "w")
    assert raised.value.facts["key"] == named
    lock.release()
