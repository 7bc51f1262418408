"""Each sync that is announced is made: on the file that it is about, before what depends on it.

Seen twice. By the system's functions as this process calls them, for every verb; and by `strace`, where there is one,
which sees SQLite's syncs too and trusts nothing that is written in Python.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes.queue_world import World, world
from tests.support.disk_calls import disk_calls
from themis.core.files import durable
from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model.layout import JOB_FOLDERS
from themis.core.stores import sqlite_store

RUN = "run-1"
HOUR_NS = 3_600_000_000_000
REPOSITORY = Path(__file__).parents[2]

PUBLISHED = ["fsync tmp", "rename tmp queued", "fsync_folder queued"]
CLAIMED = ["rename queued claimed", "commit, not synced"]


class Calls(list[str]):
    """What was asked of the disk since it was last emptied, each call with the folders of its files.

    `synced` holds the paths of files whose content has been synced under the name that they have now.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._queue = folder / "queue"
        self._announced: list[tuple[str, str]] = []
        self.synced: set[str] = set()

    def announced(self, kind: str, *facts: object) -> None:
        """A step is about to be taken."""
        if kind.startswith("fsync"):
            self._announced.append((kind, str(facts[0])))

    def __call__(self, kind: str, *paths: str) -> None:
        """A call is about to be made."""
        if kind.startswith("fsync"):
            assert (kind, paths[0]) in self._announced, "what is synced is what was said"
            self._announced.remove((kind, paths[0]))  # several files may be synced at once
            self.synced.add(paths[0])
        else:
            assert not self._announced, "what was announced was done before anything else"
        if ".probe-" in paths[0]:
            return
        if kind == "rename" and Path(paths[0]).parent.name == "tmp":
            assert paths[0] in self.synced, "a new file gets its name when its content is on disk"
        self.append(" ".join([kind, *map(self._folder, paths)]) if not kind.startswith("commit") else kind)

    def _folder(self, path: str) -> str:
        found = Path(path)
        return str((found if found.is_dir() else found.parent).relative_to(self._queue))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as opened:
        opened.submit("another")
        opened.drain()
        yield opened


@contextmanager
def _seen(here: World) -> Iterator[Calls]:
    calls = Calls(here.folder)
    before = durable.set_observer(calls.announced)
    try:
        with disk_calls(calls):
            yield calls
    finally:
        durable.set_observer(before)


def _settled(outcome: AttemptOutcome) -> Callable[[World], object]:
    return lambda here: here.finish(here.claimed(), outcome)


def _lose(here: World) -> None:
    here.claimed().abandon()


def _retry(here: World) -> None:
    here.queue.admin.retry(here.job(RUN).key)


def _cancel(here: World) -> None:
    here.queue.admin.cancel(here.job(RUN).key)


def _nothing(here: World) -> None:
    """What is submitted is enough."""


def _prune(here: World) -> None:
    here.queue.admin.prune(here.queue.admin.prunable(("failed",), time.time_ns() + HOUR_NS))


FAILED = AttemptOutcome(Cause.CONFIGURATION)
VERBS: dict[str, tuple[Callable[[World], object], Callable[[World], object], list[str]]] = {
    "settle as done": (
        _nothing,
        _settled(AttemptOutcome(Cause.DONE)),
        [*CLAIMED, "commit", "rename claimed done"],
    ),
    "settle, to be tried again": (
        _nothing,
        _settled(AttemptOutcome(Cause.TRANSIENT)),
        [*CLAIMED, "commit", "rename claimed waiting"],
    ),
    "give back": (
        _nothing,
        lambda here: here.claimed().give_back(),
        [*CLAIMED, "commit", "rename claimed queued"],
    ),
    "recover": (
        _lose,
        lambda here: here.queue.recover(here.owner),
        ["rename claimed claimed", "commit", "rename claimed queued"],
    ),
    "cancel": (_nothing, _cancel, ["rename queued claimed", "commit", "rename claimed cancelled"]),
    "retry what failed": (
        _settled(FAILED),
        _retry,
        ["rename failed claimed", "fsync_folder claimed", "fsync_folder failed", "commit", "rename claimed queued"],
    ),
    "retry what was cancelled": (
        _cancel,
        _retry,
        [
            "rename cancelled claimed",
            "fsync_folder claimed",
            "fsync_folder cancelled",
            "commit",
            "rename claimed queued",
        ],
    ),
    "submit what is there": (_nothing, lambda here: here.submit(RUN), ["fsync_folder queued"]),
    "submit to rerun": (
        _settled(FAILED),
        lambda here: here.submit(RUN, rerun=True),
        [
            *("rename failed claimed", "fsync_folder claimed", "fsync_folder failed"),
            *("fsync tmp", "rename tmp claimed", "fsync_folder claimed"),
            *("commit", "rename claimed queued"),
        ],
    ),
    "set": (
        _nothing,
        lambda here: here.queue.admin.reschedule(here.job(RUN).key, not_before_ns=time.time_ns() + HOUR_NS),
        ["rename queued claimed", "commit", "rename claimed waiting"],
    ),
    "pause": (_nothing, lambda here: here.queue.admin.pause(), ["fsync tmp", "rename tmp .", "fsync_folder ."]),
    "prune": (
        _settled(FAILED),
        _prune,
        ["unlink journal", "unlink failed", "fsync_folder failed", "commit", "unlink locks"],
    ),
}


def test_a_job_is_acknowledged_when_its_row_its_file_and_the_name_of_that_are_synced(here: World) -> None:
    with _seen(here) as calls:
        here.submit(RUN)
    assert calls == ["commit", *PUBLISHED]


def test_a_batch_of_jobs_is_acknowledged_when_its_rows_its_files_and_once_their_names_are_synced(here: World) -> None:
    with _seen(here) as calls:
        here.submit_all([RUN, "run-2", "run-3"])
    assert calls == ["commit", *["fsync tmp"] * 3, *["rename tmp queued"] * 3, "fsync_folder queued"]


def test_a_batch_of_which_some_are_there_and_one_has_lost_its_file_syncs_what_is_missing(here: World) -> None:
    here.submit_all([RUN, "run-2"])
    (lost,) = (here.queue.path / "queued").glob(f"*{here.job(RUN).key}.json")
    lost.unlink()
    with _seen(here) as calls:
        here.submit_all([RUN, "run-2", "run-3"])
    assert calls == ["commit", *["fsync tmp"] * 2, *["rename tmp queued"] * 2, "fsync_folder queued"]


def test_a_batch_that_is_there_is_acknowledged_when_its_names_are_synced_once(here: World) -> None:
    here.submit_all([RUN, "run-2"])
    here.finish(here.claimed())
    with _seen(here) as calls:
        here.submit_all([RUN, "run-2"])
    assert calls == ["fsync_folder done", "fsync_folder queued"]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_syncs_what_it_promises_in_this_order(here: World, verb: str) -> None:
    before, action, expected = VERBS[verb]
    here.submit(RUN)
    before(here)
    with _seen(here) as calls:
        action(here)
    assert calls == expected


def test_a_request_to_stop_is_synced_before_it_is_acknowledged(here: World) -> None:
    here.submit(RUN)
    claim = here.claimed()
    with _seen(here) as calls:
        _cancel(here)
    assert calls == ["commit"]
    with _seen(here) as calls:
        here.finish(claim, AttemptOutcome(Cause.CANCELLED))
    assert calls == ["commit", "rename claimed cancelled", "unlink cancel"]


def test_a_queue_that_is_made_has_its_folders_and_its_own_file_synced(tmp_path: Path) -> None:
    calls: list[str] = []
    with world(tmp_path) as here:
        here.queue.path.rmdir() if here.queue.path.exists() else None
        with disk_calls(lambda *call: calls.append(" ".join(call))):
            here.submit(RUN)
    queue = here.queue.path
    assert calls.index(f"fsync_folder {queue.parent}") < calls.index(f"fsync_folder {queue}")
    first_name = next(number for number, call in enumerate(calls) if call.startswith("rename"))
    assert calls[:first_name].count(f"fsync_folder {queue}") >= len(JOB_FOLDERS), "each folder before it is used"
    (linked,) = (number for number, call in enumerate(calls) if call.startswith("link"))
    hidden = calls[linked].split()[1]
    assert calls[linked - 1 : linked + 3] == [
        f"fsync {hidden}",
        f"link {hidden} {queue / 'queue.json'}",
        f"fsync_folder {queue}",
        f"unlink {hidden}",
    ]


def test_a_store_is_made_with_its_name_synced_and_syncs_its_commits(tmp_path: Path) -> None:
    calls: list[str] = []
    with disk_calls(lambda kind, *paths: calls.append(f"{kind} {Path(paths[-1]).name}")):
        store = sqlite_store(tmp_path / "store.sqlite3")
        store.jobs.probe()
    store.close()
    hidden = calls[0].split()[1]
    made = [f"fsync {hidden}", "link store.sqlite3", f"fsync_folder {tmp_path.name}", f"unlink {hidden}"]
    assert calls == [*made, "commit store.sqlite3", "commit store.sqlite3"]


# --- the same, by what the system sees

_TRACED = "fsync,fdatasync,rename,renameat,renameat2"
_CALL = re.compile(r"(fsync|fdatasync|rename\w*)\((.*)\)\s+= 0")
_PROGRAM = f"""
import os
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from tests.processes.queue_world import world
from themis.core.queue import Cause, AttemptOutcome
with world(Path(sys.argv[1])) as here:
    for number in range(2):
        os.write(1, b"submit")
        key = here.submit(f"run-{{number}}")
        os.write(1, b"claim")
        claim = here.claim()
        os.write(1, b"settle")
        here.finish(claim, AttemptOutcome(Cause.CONFIGURATION))
        os.write(1, b"retry")
        here.queue.admin.retry(key)
        os.write(1, b"cancel")
        here.queue.admin.cancel(key)
        os.write(1, b"end")
"""


def _traced(folder: Path) -> Iterator[str]:
    """The verbs and, after each, what the system was asked for: calls with the folders of their files."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    trace = folder / "trace"
    command = [program, "-f", "-y", "-s", "256", "-e", f"trace={_TRACED},write", "-o", str(trace), sys.executable]
    (folder / "world").mkdir()
    found = subprocess.run(
        [*command, "-c", _PROGRAM, str(folder / "world")], capture_output=True, text=True, timeout=120, check=False
    )
    if "ptrace" in found.stderr and "not permitted" in found.stderr:
        pytest.skip("this process may not trace others")
    assert found.returncode == 0, found.stderr
    for line in trace.read_text().splitlines():
        if told := re.search(r'write\(1<[^>]*>, "(\w+)"', line):
            yield told[1]
        elif (made := _CALL.search(line)) and ".probe-" not in line:
            paths = re.findall(r'[<"](/[^>"]+)[>"]', made[2])
            name = "sync" if "sync" in made[1] else "rename"
            yield " ".join([name, *(_place(folder / "world", path) for path in paths)])


def _place(folder: Path, path: str) -> str:
    found = Path(path)
    if not found.is_relative_to(folder):
        return "elsewhere"
    parts = found.relative_to(folder.parent).parts[-3:]
    return f"{parts[1]}/" if parts[0] == "queue" else parts[-1]


def test_the_system_sees_each_sync_of_a_file_a_folder_and_the_store(tmp_path: Path) -> None:
    verbs: dict[str, list[list[str]]] = {}
    current: list[str] = []
    for line in _traced(tmp_path):
        if " " in line:
            current.append(line)
        else:
            current = []
            verbs.setdefault(line, []).append(current)
    row = "sync store.sqlite3-wal"
    expected = {
        "submit": [row, "sync tmp/", "rename tmp/ queued/", "sync queued"],
        "claim": ["rename queued/ claimed/"],
        "settle": [row, "rename claimed/ failed/"],
        "retry": ["rename failed/ claimed/", "sync claimed", "sync failed", row, "rename claimed/ queued/"],
        "cancel": ["rename queued/ claimed/", row, "rename claimed/ cancelled/"],
    }
    for verb, calls in expected.items():
        first, second = verbs[verb]
        assert second == calls
        assert first[-len(calls) :] == calls, "the first submit makes the queue before"
