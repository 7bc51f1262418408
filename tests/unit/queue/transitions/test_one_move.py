"""Options of one move beside its five steps: write more, keep the claimed file, begin with one, touch no file."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from themis.core.errors import StoreIOError
from themis.core.files import durable
from themis.core.queue import AttemptOutcome, Cause, ClaimResult
from themis.core.queue.folder import uncharged_ends
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout, manifest_file, states
from themis.core.queue.model.states import JobState
from themis.core.queue.picking.skipped_jobs import SkippedJobs
from themis.core.queue.transitions import moves
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.sqlite.jobs import SqliteJobStore

RUN = "run-1"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        yield opened


def _root(here: World) -> QueueRoot:
    return here.queue._folder.parts()[0]


def _row(here: World) -> JobRow:
    row = here.store.load(here.job(RUN).key)
    assert row is not None
    return row


def _paths(here: World) -> list[str]:
    return moves.locate(_root(here), _row(here))


def _next_version(row: JobRow) -> Change:
    return Change(row._replace(version=row.version + 1))


def _fail() -> None:
    msg = "as the test says"
    raise ValueError(msg)


# --- more writes in its transaction


def test_what_belongs_to_a_change_is_written_with_it_or_not_at_all(here: World) -> None:
    here.submit(RUN)
    before, text = _row(here), here.store.manifest(here.job(RUN).key)
    move = Move(_next_version, _paths(here), manifest="{}", also=_fail)
    with pytest.raises(ValueError, match="as the test says"):
        moves.make(_root(here), here.store, before, move, time.time_ns())
    assert (_row(here), here.store.manifest(before.key)) == (before, text)
    assert here.files_of(before.key) == ["claimed"], "the next recovery places it"


def test_nothing_else_is_written_when_the_version_is_another(here: World) -> None:
    here.submit(RUN)
    before, text = _row(here), here.store.manifest(here.job(RUN).key)
    asked: list[None] = []
    move = Move(_next_version, _paths(here), manifest="{}", also=lambda: asked.append(None))
    assert moves.make(_root(here), here.store, before._replace(version=7), move, time.time_ns()) is None
    assert (asked, here.store.manifest(before.key)) == ([], text)


def test_another_manifest_is_in_the_file_and_in_the_store_once_the_row_says_so(here: World) -> None:
    here.submit(RUN)
    seen: list[str] = []

    def decide(row: JobRow) -> Change:
        (path,) = (here.queue.path / "claimed").iterdir()
        seen.append(path.read_text())
        return _next_version(row)

    moved = moves.make(
        _root(here), here.store, _row(here), Move(decide, _paths(here), manifest='{"a": 1}'), time.time_ns()
    )
    assert moved is not None
    assert seen == ['{"a": 1}'], "durably in the file before anybody can go by it"
    assert here.store.manifest(moved.row.key) == '{"a": 1}'
    assert Path(moved.path or "").read_text() == '{"a": 1}'


# --- where it begins and ends


def test_a_claim_keeps_the_file_in_hand_under_the_name_of_its_attempt(here: World) -> None:
    here.submit(RUN)
    token = layout.new_token()
    move = Move(lambda read: states.claimed(read, here.owner, token, time.time_ns()), _paths(here), claim_token=token)
    calls: list[str] = []
    before = durable.set_observer(lambda kind, *_: calls.append(kind))
    try:
        moved = moves.make(_root(here), here.store, _row(here), move, time.time_ns())
    finally:
        durable.set_observer(before)
    assert calls.count("rename") == 1
    assert moved is not None
    name = layout.claimed_name(moved.row.key, 1, token)
    assert moved.path == f"{here.queue.path}/claimed/{name}"
    assert here.files_of(moved.row.key) == ["claimed"]
    assert moved.row.state == JobState.RUNNING


def test_a_move_that_takes_no_file_leaves_it_where_it_lies(here: World) -> None:
    here.submit(RUN)
    before = _paths(here)
    moved = moves.make(_root(here), here.store, _row(here), Move(_next_version), time.time_ns())
    assert moved is not None
    assert (moved.path, moved.row.version, _paths(here)) == (None, 2, before)


def test_a_move_that_is_given_no_file_at_all_changes_nothing(here: World) -> None:
    here.submit(RUN)
    before = _row(here)
    assert moves.make(_root(here), here.store, before, Move(_next_version, ()), time.time_ns()) is None
    assert _row(here) == before


def test_a_file_that_is_moved_keeps_the_mark_that_excuses_its_attempt(here: World) -> None:
    here.submit(RUN)
    claim = here.claim()
    assert claim is not None
    claim.excuse()
    claim.abandon()
    names: list[str] = []

    def decide(_: JobRow) -> None:
        names.extend(path.name for path in (here.queue.path / "claimed").iterdir())

    assert moves.make(_root(here), here.store, claim.row, Move(decide, (claim.path,)), time.time_ns()) is None
    assert [uncharged_ends.is_excused(claim.row, name) for name in names] == [True]


def test_an_end_that_is_committed_stands_though_its_file_can_be_neither_placed_nor_written_again(
    here: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here.submit(RUN)
    claim = here.claim()
    assert claim is not None
    Path(claim.path).unlink()

    def unreadable(_: SqliteJobStore, __: str) -> str:
        raise StoreIOError(path=here.address.path, detail="as the test says")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteJobStore, "manifest", unreadable)
        row = claim.settle(AttemptOutcome(Cause.EXCEPTION, "it failed"))
    assert row.failures == 1
    assert not claim.lock.is_held
    assert "its file is left in claimed" in caplog.text
    assert _row(here) == row


# --- what a look for a job comes to


def test_what_a_look_for_a_job_came_to_stays_what_it_was(here: World) -> None:
    here.submit(RUN)
    assert here.claim(allow=lambda _: "not for this one") is None
    first = here.result
    assert list(first.skipped.values()) == list(first.newly_skipped.values()) == ["not for this one"]
    assert here.claim() is not None
    assert list(first.left.values()) == ["not for this one"]
    assert here.result.left == {}
    with pytest.raises(AttributeError):
        first.claim = None  # type: ignore[misc]


def test_reasons_are_copied_only_after_one_has_changed() -> None:
    skipped = SkippedJobs()
    assert skipped.reasons is skipped.reasons
    for change in (
        lambda: skipped.note("a", "why"),
        lambda: skipped.keep(frozenset()),
        lambda: skipped.begin(lambda _: None),
    ):
        before, held = skipped.reasons, dict(skipped.reasons)
        change()
        assert skipped.reasons is not before
        assert dict(before) == held


def test_a_paused_queue_is_not_looked_into(here: World) -> None:
    here.submit(RUN)
    here.queue.admin.pause()
    assert here.queue.claim(here.owner) == ClaimResult()


def test_a_rerun_writes_its_manifest_while_nobody_finds_the_file(here: World) -> None:
    key = here.submit(RUN)
    here.drain()
    here.submit(RUN, rerun=True)
    (path,) = (here.queue.path / "queued").iterdir()
    assert path.read_text() == here.store.manifest(key)
    assert manifest_file.read(str(path), key=key).run_id == RUN
