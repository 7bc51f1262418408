"""A third kind of store: everything in one JSON file, shared by processes under a file lock.

It is slow and small, and complete: it shows that a kind of store needs no change outside its own folder. What it keeps
is a store in memory, read again whenever the file has changed, and written whole when a transaction ends.
"""

import base64
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from functools import wraps
from pathlib import Path
from typing import Any

from themis.core.config import StorageConfig
from themis.core.errors import StoreMissingError
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.stores import InMemoryRunStore, run_locks
from themis.core.stores.batch_rows import batch_row
from themis.core.stores.job_rows import AttemptRow, Fence, flat, unflat
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.memory.jobs import InMemoryJobStore
from themis.core.stores.memory.replays import Replay, Results
from themis.core.stores.memory.store import _Run
from themis.core.stores.protocol import RunRecord
from themis.core.stores.shards.rows import ShardRow

KIND = "shared-file"

_Method = Callable[..., Any]


class SharedFileStore(InMemoryRunStore):
    """Keeps runs and jobs in the JSON file `path`."""

    def __init__(self, path: str | Path) -> None:
        """Nothing is opened yet."""
        super().__init__()
        self.path = Path(path).absolute()
        self._thread = threading.RLock()
        self._is_locked = self._is_writing = False
        self._seen: tuple[int, int] | None = None
        self._jobs = self._own = _SharedJobs(self)

    @property
    def label(self) -> str:
        return str(self.path)

    @property
    def outlives_process(self) -> bool:
        return True

    @property
    def is_there(self) -> bool:
        return self.path.is_file()

    def initialize(self) -> None:
        if not self.is_there:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(make=True):
                if not self.is_there:
                    self._write()

    def close(self) -> None:
        self._seen = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Under the file's lock: what is committed is in the file, and what fails is read from there again."""
        self.initialize()
        with self._locked():
            if self._is_writing:
                yield
                return
            self._is_writing = True
            try:
                with super().transaction():
                    yield
                self._write()
            except BaseException:
                self._seen = None
                raise
            finally:
                self._is_writing = False

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:
        return run_locks.hold(self.path, run_id, job=fence and fence.key)

    def run_holder(self, run_id: str) -> run_locks.RunHolder:
        return run_locks.look(self.path, run_id)

    @contextmanager
    def _locked(self, *, make: bool = False) -> Iterator[None]:
        with self._thread:
            if self._is_locked:
                yield
                return
            descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if not make:
                    self._read()
                self._is_locked = True
                yield
            finally:
                self._is_locked = False
                os.close(descriptor)

    def _read(self) -> None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise StoreMissingError(path=self.path) from None
        if self._seen == (found.st_ino, found.st_mtime_ns):
            return
        document = json.loads(self.path.read_text())
        self._runs = {run["record"]["run_id"]: _run(run) for run in document["runs"]}
        self._calibrations = document["calibrations"]
        self._groups = document["groups"]
        self._blobs = {digest: base64.b64decode(data) for digest, data in document["blobs"].items()}
        self._own.put(document["jobs"])
        self._seen = (found.st_ino, found.st_mtime_ns)

    def _write(self) -> None:
        document = {
            "runs": [_document(run) for run in self._runs.values()],
            "blobs": {digest: base64.b64encode(data).decode() for digest, data in self._blobs.items()},
            "calibrations": self._calibrations,
            "groups": self._groups,
            "jobs": self._own.document(),
        }
        hidden = self.path.with_name(f".{self.path.name}.new")
        hidden.write_text(json.dumps(document))
        hidden.replace(self.path)
        found = self.path.stat()
        self._seen = (found.st_ino, found.st_mtime_ns)


class _SharedJobs(InMemoryJobStore):
    """The jobs of that store."""

    def __init__(self, store: SharedFileStore) -> None:
        super().__init__(store._undo, store._move_run, store._follow)
        self.store = store

    @property
    def store_id(self) -> str:
        self.store.initialize()
        with self.store._locked():
            return self._store_id

    @property
    def is_in_place(self) -> bool:
        return self.store.is_there

    @property
    def identity(self) -> object:
        return self.store.path.resolve()

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[None]:
        return self.store.transaction()

    def document(self) -> dict[str, Any]:
        return {
            "store_id": self._store_id,
            "rows": [flat(row) for row in self._rows.values()],
            "manifests": self._manifests,
            "attempts": self._attempts,
        }

    def put(self, document: dict[str, Any]) -> None:
        self._store_id = document["store_id"]
        self._rows = {row.key: row for row in map(unflat, document["rows"])}
        self._keys = sorted(self._rows)
        self._manifests = document["manifests"]
        self._attempts = {key: tuple(AttemptRow(*row) for row in rows) for key, rows in document["attempts"].items()}


def _under_lock(method: _Method, *, writes: bool) -> _Method:
    """A method that first reads what others have written; one that writes is a transaction."""

    @wraps(method)
    def locked(self: Any, *arguments: Any, **keywords: Any) -> Any:
        store: SharedFileStore = getattr(self, "store", self)
        if not writes:
            store.initialize()
        with store.transaction() if writes else store._locked():
            return method(self, *arguments, **keywords)

    return locked


_RUN_WRITES = (
    *("create_run", "name_run", "start_run", "end_run", "clear_run", "append"),
    *("put_spend", "put_aggregate", "lend_only", "save_batch", "save_judge_calls", "put_blob"),
    *(
        "forget_judge_calls",
        "replace_snapshot",
        "save_calibration",
        "add_to_group",
        "add_score_edits",
        "begin_replay",
        "append_replayed",
        "end_replay",
        "drop_replay",
        "put_shards",
        "begin_shard",
        "finish_shard",
        "put_failure_rows",
    ),
)
_RUN_READS = (
    *("load_run", "list_runs", "runs_named", "load_snapshot", "has_outcomes", "outcomes_between", "ends_between"),
    *("ends_from", "values_between"),
    *(
        "spends",
        "aggregates",
        "nth_ended_case",
        "count_ends",
        "score_tallies",
        "reusable_runs",
        "batches",
        "judge_calls_between",
        "cached_response",
        "calibrations",
        "group_members",
        "group_names",
        "score_edits",
        "get_blob",
        "lent_keys",
        "replayed_ends",
        "replayed_outcomes",
        "shards",
        "hosts_of_shards",
        "failure_rows",
    ),
)
_JOB_WRITES = (
    "add",
    "change",
    "replace_manifest",
    "move_run",
    "request_cancel",
    "note_process",
    "beat",
    "probe",
)
_JOB_READS = ("load", "manifest", "find", "jobs_of", "counts", "attempts", "check_fence")
for _kind, _names, _is_write in (
    (SharedFileStore, _RUN_WRITES, True),
    (SharedFileStore, _RUN_READS, False),
    (_SharedJobs, _JOB_WRITES, True),
    (_SharedJobs, _JOB_READS, False),
):
    for _name in _names:
        setattr(_kind, _name, _under_lock(getattr(_kind, _name), writes=_is_write))


def build(config: StorageConfig) -> SharedFileStore:
    """What is registered as the kind of store."""
    return SharedFileStore(str(config.parameters["path"]))


def _document(run: _Run) -> dict[str, Any]:
    return {
        "snapshot": run.snapshot.model_dump(mode="json", exclude={"run_id"}),
        "record": asdict(run.record),
        "names_by_key": run.names_by_key,
        **_results(run),
        "replay": run.replay and {"request": run.replay.request, **_results(run.replay)},
        "spends": list(run.side_rows.spends.items()),
        "aggregates": list(run.side_rows.aggregates.items()),
        "batches": list(run.side_rows.batches.values()),
        "judge_calls": list(run.side_rows.judge_calls.values()),
        "score_edits": list(run.side_rows.score_edits.values()),
        "shards": list(run.shards.values()),
        "failure_rows": run.failure_rows,
    }


def _results(found: Results) -> dict[str, Any]:
    return {
        "outcomes": [outcome for of_case in found.outcomes.values() for outcome in of_case.values()],
        "ends": [_plain(end) for end in found.ends.values()],
    }


def _put_results(document: dict[str, Any], found: Results) -> None:
    for values in document["outcomes"]:
        outcome = Outcome(*values)._replace(stage=Stage(values[1]))
        found.outcomes.setdefault(outcome.case_no, {})[outcome.stage, outcome.item] = outcome
    for values in document["ends"]:
        end = CaseEnd(*values)
        found.ends[end.case_no] = end._replace(digest=bytes.fromhex(str(end.digest)), through=Stage(end.through))


def _plain(end: CaseEnd) -> tuple[Any, ...]:
    return tuple(value.hex() if isinstance(value, bytes) else value for value in end)


def _run(document: dict[str, Any]) -> _Run:
    record = RunRecord(**document["record"])
    record = replace(record, status=RunStatus(record.status))
    run = _Run(RunSnapshot.model_validate(document["snapshot"]), record, document["names_by_key"])
    _put_results(document, run)
    if document["replay"] is not None:
        run.replay = Replay(document["replay"]["request"])
        _put_results(document["replay"], run.replay)
    rows = run.side_rows
    rows.spends.update(document["spends"])
    rows.aggregates.update(document["aggregates"])
    rows.batches.update((row.number, row) for row in map(batch_row, document["batches"]))
    rows.score_edits.update((edit.number, edit) for edit in map(ScoreEdit._make, document["score_edits"]))
    run.shards.update((shard.number, shard) for shard in map(ShardRow._make, document["shards"]))
    run.failure_rows.update(document["failure_rows"])
    for call in (JudgeCallRow(*values) for values in document["judge_calls"]):
        rows.judge_calls[call.case_no, call.item, call.call_id] = call
        rows.responses[call.cache_key] = call.response
    return run
