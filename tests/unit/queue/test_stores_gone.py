"""A queue whose results stores are gone, replaced or unreadable says so, and loses nothing."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.queue_world import World, copy_database, world
from themis.core.errors import (
    HiddenJobError,
    NetworkFilesystemError,
    OtherStoreError,
    StoreFullError,
    StoreMissingError,
    UnknownJobError,
)
from themis.core.queue import AttemptOutcome, Cause, FileQueue, StoreAddress
from themis.core.queue.admin.findings import Finding
from themis.core.stores.sqlite.jobs import SqliteJobStore

FOLDERS = ("queued", "claimed", "done")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    """A queue with a job that is done, one whose worker died, and one that waits for its turn."""
    with world(tmp_path) as opened:
        opened.submit("done")
        opened.drain()
        opened.submit("claimed")
        claim = opened.claim()
        assert claim is not None
        claim.abandon()
        opened.submit("queued")
        yield opened


def _queue(here: World, error: Exception) -> FileQueue:
    def open_store(address: StoreAddress) -> SqliteJobStore:
        raise error

    return FileQueue(here.queue.path, open_store)


def _gone(here: World) -> StoreMissingError:
    return StoreMissingError(path=here.address.path)


def _replaced(here: World) -> OtherStoreError:
    return OtherStoreError(path=here.address.path, found="new", expected=here.address.id)


def _of(findings: list[Finding], key: str) -> Finding:
    (found,) = (finding for finding in findings if finding.what == key)
    return found


@pytest.mark.parametrize("make", [_gone, _replaced])
def test_the_doctor_says_what_to_do_about_each_job_whose_store_is_not_there(
    here: World, make: Callable[[World], Exception]
) -> None:
    error = make(here)
    away = here.folder / "away.sqlite3"
    here.database.path.rename(away)
    findings = _queue(here, error).admin.doctor()
    away.rename(here.database.path)
    found = _of(findings, here.address.path)
    assert (found.problem, found.action) == (str(error), None)
    assert found.advice is not None
    assert "put it back" in found.advice
    for run in FOLDERS:
        finding = _of(findings, here.job(run).key)
        assert str(error) in finding.problem
        assert finding.action is None
        assert finding.advice is not None
        assert "submit its experiment again (themis submit) and remove" in finding.advice
    # Put back, the store finds everything as it was.
    assert [here.files_of(here.job(run).key) for run in FOLDERS] == [[folder] for folder in FOLDERS]
    here.drain()
    for run in FOLDERS:
        here.assert_promise(run)


def test_a_store_that_only_cannot_be_written_now_is_not_called_gone(here: World) -> None:
    error = StoreFullError(path=here.address.path, detail="as the test says")
    findings = _queue(here, error).admin.doctor()
    assert _of(findings, here.address.path) == Finding(here.address.path, str(error))
    for run in FOLDERS:
        finding = _of(findings, here.job(run).key)
        assert (finding.problem, finding.action) == (f"its row cannot be read: {error}", None)
        assert finding.advice == "left in place until its results store can be used again"


def test_a_job_s_config_is_named_where_it_is_known(here: World) -> None:
    job = here.job("with config")
    job.payload["config_path"] = "/a/b.yaml"
    here.queue.submit(job)
    advice = _of(_queue(here, _replaced(here)).admin.doctor(), job.key).advice
    assert advice is not None
    assert "themis submit --config /a/b.yaml" in advice


def test_a_store_made_anew_is_told_from_the_one_that_was_there(here: World) -> None:
    key = here.job("queued").key
    here.close()
    here.database.path.unlink()
    for name in ("-wal", "-shm"):
        here.database.path.with_name(f"{here.database.path.name}{name}").unlink(missing_ok=True)
    with world(here.folder) as anew:
        findings = anew.queue.admin.doctor()
        assert "is gone: " in _of(findings, key).problem
        assert anew.submit("queued") != key
        assert anew.drain() == 1
        anew.assert_promise("queued")


def test_the_doctor_says_of_a_file_that_no_store_knows_that_it_was_rejected(here: World) -> None:
    key = here.submit("late")
    (path,) = here.queue.admin.show(key).paths
    text = path.read_bytes()
    here.database.query("DELETE FROM jobs WHERE key = ?", (key,))
    finding = _of(here.queue.admin.doctor(), path.name)
    assert "no store knows such a job" in finding.problem
    assert (here.queue.path / "rejected" / path.name).read_bytes() == text


def test_a_job_is_not_called_unknown_while_a_store_cannot_be_looked_into(here: World) -> None:
    with pytest.raises(HiddenJobError, match=r"store\.sqlite3: is not there") as caught:
        _queue(here, _gone(here)).admin.cancel(here.job("queued").key)
    assert caught.value.exit_code == 4
    with pytest.raises(HiddenJobError, match=r"store\.sqlite3: is not there"):
        _queue(here, _gone(here)).admin.show("0" * 16)
    with pytest.raises(UnknownJobError, match="not in this queue"):
        here.queue.admin.show("nowhere")


def test_a_store_on_a_network_filesystem_harms_no_other_job(here: World) -> None:
    elsewhere = here.folder / "elsewhere"
    elsewhere.mkdir()
    refusal = NetworkFilesystemError(path=here.address.path, filesystem="nfs4", reason="it is far")

    def open_store(address: StoreAddress) -> SqliteJobStore:
        if address.path == here.address.path:
            raise refusal
        return there.store

    with world(elsewhere) as there:
        there.queue = FileQueue(here.queue.path, open_store, rescan_s=0.0)
        there.submit("other")
        claim = there.claim()
        assert claim is not None
        assert claim.row.run_id == "other"
        assert str(refusal) in there.result.left.values()
        there.finish(claim)
    shutil.rmtree(elsewhere)
    here.drain()
    here.assert_promise("queued")


def test_a_job_that_a_backup_brought_back_goes_on_above_every_number_that_was_used(here: World) -> None:
    here.drain()
    key = here.submit("again")
    backup = here.folder / "backup.sqlite3"
    copy_database(here.database.path, backup)
    for cause in (Cause.GIVEN_BACK, Cause.GIVEN_BACK, Cause.DONE):
        claim = here.claim()
        assert claim is not None
        here.finish(claim, AttemptOutcome(cause))
    ended = here.store.load(key)
    assert ended is not None
    here.close()
    copy_database(backup, here.database.path)
    before = here.store.load(key)
    assert before is not None
    assert (before.state, before.attempt) == ("queued", 0)

    problems = [finding.problem for finding in here.queue.admin.doctor() if finding.what == key]
    assert len(problems) == 2
    assert "restored from a backup" in problems[0]
    assert problems[1] == "its file was in done"
    raised = here.store.load(key)
    assert raised is not None
    assert (raised.state, raised.attempt) == ("queued", ended.attempt)
    assert raised.version > ended.version
    assert here.queue.admin.doctor() == []
    assert here.drain() == 1
    final = here.store.load(key)
    assert final is not None
    assert (final.state, final.attempt) == ("done", ended.attempt + 1)


@pytest.mark.parametrize("number", ["9" * 30, "-1", "true", "1e3", '"7"', "null", "100000000"])
def test_a_journal_is_not_to_be_trusted_with_numbers(here: World, number: str) -> None:
    key = here.job("queued").key
    with (here.queue.path / "journal" / f"{key}.jsonl").open("a") as file:
        file.write(f'{{"version": {number}, "attempt": {number}}}\n')
    before = here.store.load(key)
    here.queue.admin.doctor()
    assert here.store.load(key) == before
