"""Submission of a job to a queue of rows: one transaction has its run, its row, its manifest and its first event."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from themis.core.errors import JobError, QueueBusyError
from themis.core.queue.model import manifest_file
from themis.core.queue.model.states import ENDED
from themis.core.queue.rows import moves, needs
from themis.core.queue.rows.moves import Move
from themis.core.queue.rows.queue_store import QUEUE_ROOT, QueueStore, event
from themis.core.queue.transitions import dependents, stale_paths
from themis.core.queue.transitions.bulk_submitting import MOST_AT_ONCE, BulkJob
from themis.core.queue.transitions.dependents import QueuedAgain
from themis.core.queue.transitions.new_job import NewJob, Prepare, Submission, refuse_place, submitted_again
from themis.core.stores.job_rows import Change, JobRow

_TRIES = 20


class _New(NamedTuple):
    """Row, manifest and run of a new submission."""

    row: JobRow
    text: str
    prepare: Prepare | None


class RowSubmitter:
    """Submits jobs to a queue of rows."""

    def __init__(self, there: QueueStore) -> None:
        """Make a submitter."""
        self._there = there

    def submit(self, job: NewJob, *, prepare: Prepare | None = None, rerun: bool = False) -> Submission:
        """Queue a job, unless it exists; with `rerun` an ended job is queued again, under this manifest.

        Raises:
            JobError: it is unfinished in another queue, is invalid, or its results belong to another store.
            ManifestError: its payload is too large, too deep, or not JSON.
            QueueBusyError: others keep changing the job.
            StoreError: the store cannot be used.
        """
        return self._submitted(self._new(job, prepare), rerun=rerun)

    def submit_all(self, jobs: Sequence[BulkJob]) -> Iterator[list[Submission]]:
        """Queue jobs, unless they exist; yield the submissions of a batch when all of it is durable, in order.

        The new jobs of a batch are added in one transaction, in the order of their keys: two processes that add the
        same jobs wait for each other, and not both at once.

        Raises:
            JobError, ManifestError, QueueBusyError, StoreError: as `submit`; what was yielded stays, and of the batch
                that it is raised for, any part may be queued.
        """
        for start in range(0, len(jobs), MOST_AT_ONCE):
            part = jobs[start : start + MOST_AT_ONCE]
            entries = [self._new(one.job, one.prepare) for one in part]
            found: dict[str, Submission] = {}
            with self._there.jobs.transaction():
                for entry in sorted(entries, key=lambda entry: entry.row.key):
                    if entry.row.key not in found and self._there.jobs.load(entry.row.key) is None:
                        added = self._added(entry)
                        found |= {} if added is None else {entry.row.key: added}
            for one, entry in zip(part, entries, strict=True):
                if entry.row.key not in found:
                    found[entry.row.key] = self._submitted(entry, rerun=one.rerun)
            yield [found[entry.row.key] for entry in entries]

    def _new(self, job: NewJob, prepare: Prepare | None) -> _New:
        there = self._there
        if job.store.id != there.queue_id:
            detail = "its results store is not the one that has this queue; a queue of rows is for its own store's runs"
            raise JobError(key=job.key, detail=detail)
        refuse_place(job.key, job.priority, job.not_before_ns)
        now_ns = there.now_ns()
        text = manifest_file.encode(job.manifest(now_ns)).decode("ascii")
        return _New(job.row(there.queue_id, QUEUE_ROOT, now_ns), text, prepare)

    def _submitted(self, new: _New, *, rerun: bool) -> Submission:
        for _ in range(_TRIES):
            present = self._there.jobs.load(new.row.key)
            found = self._added(new) if present is None else self._present(present, new, rerun=rerun)
            if found is not None:
                return found
        raise QueueBusyError(path=str(self._there.place), key=new.row.key)

    def _added(self, new: _New) -> Submission | None:
        jobs, rows, row = self._there.jobs, self._there.rows, new.row
        with jobs.transaction():
            if (added := dependents.add(jobs, row, new.text)) is None:
                return None
            row = added
            rows.ensure_queue(self._there.as_made())
            rows.set_needs(row.key, needs.of_text(new.text))
            if new.prepare is not None:
                new.prepare()
            rows.note(row.key, event("submit", row))
            rows.notify(row.queue_id)
        return Submission(row, None, created=True)

    def _present(self, present: JobRow, new: _New, *, rerun: bool) -> Submission | None:
        """Return a job that exists, queued again where that is asked for; None when others have changed it since."""
        if present.queue_id != new.row.queue_id:
            adopted = self._adopted(present, new)
            if adopted is None:
                return None
            present = adopted
        if rerun and present.state in ENDED:
            again = QueuedAgain(self._there.jobs, submitted_again(new.row, new.row.submitted_ns))

            def also() -> None:
                again.write_links()
                if new.prepare is not None:
                    new.prepare()

            move = Move(again.decide, lambda row: event("rerun", row), manifest=new.text, also=also)
            row = moves.make(self._there, present.fence, move)
            return None if row is None else Submission(row, None, created=True)
        self._bring_up_to_date(present, new.text)
        return Submission(present, None, created=False)

    def _adopted(self, present: JobRow, new: _New) -> JobRow | None:
        """Take over a job of another queue that has ended; whether that queue is still there nobody here can tell."""
        if present.state not in ENDED:
            detail = f"it is {present.state} in another queue, {present.queue_root}; cancel it there first"
            raise JobError(key=present.key, detail=detail)

        def decide(read: JobRow) -> Change:
            return Change(read._replace(version=read.version + 1, queue_id=new.row.queue_id, queue_root=QUEUE_ROOT))

        ensure, made = self._there.rows.ensure_queue, self._there.as_made()
        move = Move(decide, lambda row: event("adopt", row), manifest=new.text, also=lambda: ensure(made))
        return moves.make(self._there, present.fence, move)

    def _bring_up_to_date(self, row: JobRow, text: str) -> None:
        """Update stale paths in a job's manifest."""
        jobs, rows = self._there.jobs, self._there.rows
        before = jobs.manifest(row.key)
        after = None if before is None else stale_paths.refreshed(before, text)
        if after is not None:
            with jobs.transaction():
                jobs.replace_manifest(row.key, after)
                rows.note(row.key, event("bring up to date", row))
