"""The power may fail at any moment, and the disk then keeps no more than it must.

Real operations are recorded, call by call, with the content of every file and a copy of the database after every
commit. What counts is what was asked of the system, not what was announced: an fsync that is not made covers nothing,
and a commit is synced if its connection was set so. From the record every state is built that a disk may legally be
found in:

- the folders as they were durably, and after that any number, in order, of the later operations that no fsync covers;
  a rename may be found half done, so that the file has both names. An fsync of a folder covers the operations before it
  that touch it, and those before them, as a journal keeps its order; that of a file covers its content, not its name;
- the store at its last synced commit or at any later one, whatever the folders say.

A fresh worker recovers from each, and the queue is held to its word.
"""

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.processes import test_queue_crashes as verbs
from tests.processes.queue_world import World, copy_database, world
from tests.support.disk_calls import disk_calls
from themis.core.files import durable
from themis.core.queue import AttemptOutcome, Cause, Claim
from themis.core.queue.model.layout import JOB_FOLDERS, STORES
from themis.core.queue.model.states import JobState

RUN = verbs.RUN
HOUR_NS = verbs.HOUR_NS
STORE = "store.sqlite3"
KEPT_FOLDERS = (*JOB_FOLDERS, "tmp", STORES)
CHANGES = frozenset({"rename", "unlink", "write", "link"})

Files = dict[str, bytes]
"""Path within the queue → content."""


@dataclass(frozen=True)
class Moment:
    """What was true just before a call was made.

    Attributes:
        kind, paths: the call.
        files: of the queue.
        acknowledged: what had been promised by then.
        commit: number of the last commit, whose copy of the database is `<folder>/<commit>`.
        synced: number of the last commit that was synced.
    """

    kind: str
    paths: tuple[str, ...]
    files: Files
    acknowledged: frozenset[str]
    commit: int
    synced: int


@dataclass
class Recorder:
    """Sees the calls of real operations on the world in `folder`."""

    folder: Path
    copies: Path
    moments: list[Moment] = field(default_factory=list)
    acknowledged: frozenset[str] = frozenset()
    commit: int = 0
    synced: int = 0
    pending: bool | None = None

    def announced(self, kind: str, *facts: object) -> None:
        """A file is about to be written: the one step that is taken by its announcement."""
        if kind == "write":
            self(kind, str(facts[0]))

    def __call__(self, kind: str, *facts: str) -> None:
        """A call is about to be made: those before it have been."""
        self._finish_commit()
        if kind.startswith("commit"):
            self.pending = kind == "commit"
        paths = tuple(map(self._within, facts))
        self.moments.append(
            Moment(kind, paths, files_in(self.folder / "queue"), self.acknowledged, self.commit, self.synced)
        )

    def acknowledge(self, what: str) -> None:
        """An operation has returned."""
        self("acknowledged")
        self.acknowledged |= {what}

    def retract(self, what: str) -> None:
        """What was promised holds no longer, as somebody is asking for the opposite."""
        self("retracted")
        self.acknowledged -= {what}

    def _finish_commit(self) -> None:
        if self.pending is not None:
            self.commit += 1
            copy_database(self.folder / STORE, self.copies / str(self.commit))
            self.synced = self.commit if self.pending else self.synced
            self.pending = None

    def _within(self, path: str) -> str:
        try:
            return str(Path(path).relative_to(self.folder / "queue"))
        except ValueError:
            return str(path)


def files_in(root: Path) -> Files:
    """The files of a queue that its promise is about: not those that only try whether files can be moved."""
    return {
        f"{folder}/{path.name}": path.read_bytes()
        for folder in KEPT_FOLDERS
        if (root / folder).is_dir()
        for path in (root / folder).iterdir()
        if path.is_file() and not path.name.startswith(".probe-")
    }


@dataclass(frozen=True)
class Operation:
    """A change of names that no fsync covers yet; a file made has the content that is durable of it."""

    kind: str
    paths: tuple[str, ...]
    content: bytes = b""

    def touches(self, folder: str) -> bool:
        """Whether a name in `folder` is changed by it."""
        return any(path.rpartition("/")[0] == folder for path in self.paths)

    def applied(self, files: Files) -> Files:
        """The files after it."""
        after, source = dict(files), self.paths[0]
        if self.kind == "write":
            after[source] = self.content
        elif self.kind == "unlink":
            after.pop(source, None)
        elif source in after:
            after[self.paths[1]] = after[source] if self.kind == "link" else after.pop(source)
        return after


def surviving(moments: list[Moment]) -> Iterator[Files]:
    """Every state in which the folders may be found when the power fails at the last of these moments."""
    durable = moments[0].files
    later: list[Operation] = []
    for moment, after in itertools.pairwise(moments):
        if moment.kind in CHANGES:
            later.append(Operation(moment.kind, moment.paths))
        elif moment.kind == "fsync":
            made = Operation("write", moment.paths)
            if made in later:
                later[later.index(made)] = replace(made, content=after.files[moment.paths[0]])
        elif moment.kind == "fsync_folder":
            covered = [number for number, step in enumerate(later) if step.touches(moment.paths[0])]
            count = covered[-1] + 1 if covered else 0
            for step in later[:count]:
                durable = step.applied(durable)
            later = later[count:]
    yield durable
    for step in later:
        if step.kind == "rename" and step.paths[0] in durable:
            yield {**durable, step.paths[1]: durable[step.paths[0]]}
        durable = step.applied(durable)
        yield durable


# --- what is recorded


def submit_and_run(here: World, recorder: Recorder) -> None:
    here.submit(RUN)
    recorder.acknowledge("submitted")
    here.finish(here.claimed())
    recorder.acknowledge("done")


def fail_and_run(here: World, recorder: Recorder) -> None:
    here.submit(RUN)
    recorder.acknowledge("submitted")
    here.finish(here.claimed(), AttemptOutcome(Cause.GIVEN_BACK))
    here.finish(here.claimed())
    recorder.acknowledge("done")


def lose_and_recover(here: World, recorder: Recorder) -> None:
    here.submit(RUN)
    recorder.acknowledge("submitted")
    here.claimed().abandon()
    here.queue.recover(here.owner)
    here.finish(here.claimed())
    recorder.acknowledge("done")


def cancel_and_retry(here: World, recorder: Recorder) -> None:
    key = here.submit(RUN)
    recorder.acknowledge("submitted")
    here.queue.admin.cancel(key)
    recorder.acknowledge("cancelled")
    recorder.retract("cancelled")
    here.queue.admin.retry(key)
    recorder.acknowledge("retried")
    here.finish(here.claimed())
    recorder.acknowledge("done")


def cancel_while_running(here: World, recorder: Recorder) -> None:
    key = here.submit(RUN)
    recorder.acknowledge("submitted")
    claim = here.claimed()
    here.queue.admin.cancel(key)
    recorder.acknowledge("asked to stop")
    here.finish(claim, AttemptOutcome(Cause.CANCELLED))


def fail_for_good_and_retry(here: World, recorder: Recorder) -> None:
    key = here.submit(RUN)
    recorder.acknowledge("submitted")
    here.finish(here.claimed(), AttemptOutcome(Cause.CONFIGURATION))
    recorder.acknowledge("failed")
    recorder.retract("failed")
    here.queue.admin.retry(key)
    recorder.acknowledge("retried")
    here.finish(here.claimed())
    recorder.acknowledge("done")


def run_and_rerun(here: World, recorder: Recorder) -> None:
    here.submit(RUN)
    recorder.acknowledge("submitted")
    here.finish(here.claimed())
    recorder.acknowledge("done")
    recorder.acknowledge("being sent back")
    here.submit(RUN, rerun=True)
    recorder.acknowledge("rerun")
    here.finish(here.claimed())
    recorder.acknowledge("done twice")


def submit_many_and_run(here: World, recorder: Recorder) -> None:
    here.submit_all(["before", RUN, "after"])
    recorder.acknowledge("submitted")
    here.drain()
    recorder.acknowledge("done")


def submit_many_and_have_a_worker_take_one_before_they_are_acknowledged(here: World, recorder: Recorder) -> None:
    claims: list[Claim] = []
    sync = durable.fsync_folder

    def take_first(folder: Path | str) -> None:
        if str(folder).endswith("/queued") and not claims:
            claims.append(here.claimed())
        sync(folder)

    durable.fsync_folder = take_first
    try:
        here.submit_all([RUN, "after"])
    finally:
        durable.fsync_folder = sync
    recorder.acknowledge("submitted")
    here.finish(claims[0])
    recorder.acknowledge("done")


def set_and_run(here: World, recorder: Recorder) -> None:
    key = here.submit(RUN)
    recorder.acknowledge("submitted")
    here.queue.admin.reschedule(key, priority=0, not_before_ns=time.time_ns() + HOUR_NS)
    here.queue.admin.reschedule(key, not_before_ns=0)
    here.finish(here.claimed())
    recorder.acknowledge("done")


def run_and_prune(here: World, recorder: Recorder) -> None:
    here.submit(RUN)
    recorder.acknowledge("submitted")
    here.finish(here.claimed())
    recorder.acknowledge("done")
    recorder.acknowledge("being pruned")
    assert here.queue.admin.prune(here.queue.admin.prunable(("done",), time.time_ns() + HOUR_NS))
    recorder.acknowledge("pruned")


STORIES: list[Callable[[World, Recorder], None]] = [
    submit_and_run,
    fail_and_run,
    lose_and_recover,
    cancel_and_retry,
    cancel_while_running,
    fail_for_good_and_retry,
    run_and_rerun,
    submit_many_and_run,
    submit_many_and_have_a_worker_take_one_before_they_are_acknowledged,
    set_and_run,
    run_and_prune,
]


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=[story.__name__ for story in STORIES])
def test_whatever_the_disk_kept_the_queue_keeps_its_promise(
    story: Callable[[World, Recorder], None], tmp_path: Path, short: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = _recorded(story, tmp_path)
    states = _states(recorder.moments)
    assert len(states) > 1, "nothing was recorded, so that nothing would be tried"
    chosen = states[:: 7 if short else 1]
    folder = tmp_path / "world"  # a machine whose power failed is where it was
    folder.rename(tmp_path / "recorded")
    for moment, files, commit in chosen:
        _rebuild(tmp_path, folder, files, commit)
        try:
            _assert_promise(folder, moment)
        except AssertionError as error:
            error.add_note(f"power lost before {moment.kind} {moment.paths}; commit {commit}; files {sorted(files)}")
            raise
        shutil.rmtree(folder)
    with capsys.disabled():
        print(f"\n  {story.__name__}: {len(recorder.moments)} moments, {len(chosen)} states of the disk", end="")  # noqa: T201  # how much was tried is the evidence


def test_a_disk_that_forgets_a_rename_is_found_with_the_old_name_the_new_one_or_both() -> None:
    before: Files = {"queued/a": b"x"}
    after: Files = {"claimed/a": b"x"}
    moments = [
        Moment("rename", ("queued/a", "claimed/a"), before, frozenset(), 0, 0),
        Moment("commit", (), after, frozenset(), 0, 0),
    ]
    assert list(surviving(moments)) == [before, {**before, **after}, after]


def _recorded(story: Callable[[World, Recorder], None], tmp_path: Path) -> Recorder:
    folder, copies = tmp_path / "world", tmp_path / "copies"
    folder.mkdir()
    copies.mkdir()
    verbs.made(folder)
    copy_database(folder / STORE, copies / "0")
    recorder = Recorder(folder, copies)
    with world(folder) as here:
        durable.set_observer(recorder.announced)
        try:
            with disk_calls(recorder):
                story(here, recorder)
                recorder("end")
        finally:
            durable.set_observer(None)
    for moment, after in itertools.pairwise(recorder.moments):
        assert moment.files == after.files or moment.kind in CHANGES, f"changed after {moment.kind} {moment.paths}"
    return recorder


def _states(moments: list[Moment]) -> list[tuple[Moment, Files, int]]:
    """Every distinct state of the disk, with what had been promised when the power failed."""
    states: dict[tuple[frozenset[tuple[str, bytes]], int, frozenset[str]], tuple[Moment, Files, int]] = {}
    for number, moment in enumerate(moments):
        for files in surviving(moments[: number + 1]):
            for commit in range(moment.synced, moment.commit + 1):
                state = (frozenset(files.items()), commit, moment.acknowledged)
                states.setdefault(state, (moment, files, commit))
    return list(states.values())


def _rebuild(tmp_path: Path, folder: Path, files: Files, commit: int) -> None:
    original = tmp_path / "recorded" / "queue"
    for name in (*KEPT_FOLDERS, "locks", "cancel", "journal", "logs", "rejected", "workers"):
        (folder / "queue" / name).mkdir(parents=True)
        (folder / "queue" / name).chmod(0o700)
    shutil.copy(original / "queue.json", folder / "queue" / "queue.json")
    for name, content in files.items():
        (folder / "queue" / name).write_bytes(content)
    shutil.copy(tmp_path / "copies" / str(commit), folder / STORE)


def _assert_promise(folder: Path, moment: Moment) -> None:
    with world(folder, "fresh") as here:
        row = here.store.load(here.job(RUN).key)
        if "submitted" not in moment.acknowledged:
            here.submit(RUN)
        if "being pruned" in moment.acknowledged:
            here.queue.admin.doctor()
            assert list((here.queue.path / "rejected").iterdir()) == []
            pruned = row is not None and row.queue_id == ""
            assert pruned >= ("pruned" in moment.acknowledged)
            assert here.files_of(here.job(RUN).key) == ([] if pruned else ["done"])
            here.submit(RUN)
        here.drain()
        here.assert_promise(RUN, ended_by_people=int("being sent back" in moment.acknowledged))
        after = here.store.load(here.job(RUN).key)
        assert after is not None
        if {"done", "failed", "cancelled"} & moment.acknowledged and "being sent back" not in moment.acknowledged:
            assert row is not None
            assert row.state == after.state, "an end that was acknowledged is the end"
        if {"retried", "rerun"} & moment.acknowledged:
            assert after.state == JobState.DONE
        if "asked to stop" in moment.acknowledged:
            assert after.state == JobState.CANCELLED
        if "done twice" in moment.acknowledged:
            assert here.results_of(RUN) == 2
        names = files_in(here.queue.path)
        unfinished = [name for name in names if name.startswith(("claimed/", "queued/", "waiting/"))]
        assert unfinished == []
