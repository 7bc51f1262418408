"""Notes of the cases that a job's process is on, beside its claim: where they are, and how they are read and removed.

The process writes them into a mapped file, see `themis.core.processes.noted_cases`. It is on the host that runs the
job: in the queue's folder if no other host uses it, else in a folder of this user on this machine, as a filesystem of a
network may not map files, or hold up the process that writes to them. So only this host reads them: when a host is lost
as a whole, no case is named for it. Nor is one after a restart of the host, which ends every process by itself.
"""

import contextlib
from dataclasses import replace
from pathlib import Path

from themis.core.files import durable
from themis.core.processes import identity
from themis.core.processes.noted_cases import InFlight, read_notes
from themis.core.queue.folder.host_folder import queues_folder
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.stores.job_rows import JobRow

IN_FLIGHT = "in_flight"

_DEATHS = frozenset({Cause.EXIT_CODE, Cause.MEMORY_LIMIT, Cause.WORKER_LOST})
_ASKED_TO_END = frozenset({1, 2, 15})  # hang-up, interrupt and termination: nobody's case sends them


class NotesFolder:
    """Folder of the notes of a queue's jobs on this host."""

    def __init__(self, folder: Path) -> None:
        """Use the folder `in_flight` of `folder`; it is made when there is something to be noted."""
        self._folder = folder / IN_FLIGHT

    @classmethod
    def of_queue(cls, root: Path, queue_id: str, *, shared: bool) -> "NotesFolder":
        """Return the one of a queue in the folder `root`."""
        return cls(queues_folder() / queue_id if shared else root)

    def path(self, key: str) -> Path | None:
        """Return the path of a job's notes, in a folder that exists; None when it cannot be made."""
        try:
            durable.make_folder(self._folder, private=True)
        except OSError:
            return None
        return self._folder / key

    def of_lost(self, row: JobRow) -> InFlight | None:
        """Return the cases that the process of a running job was on, whose owner is dead; None when nobody knows."""
        owner = row.owner
        if owner is None or row.token is None or owner.boot_id != identity.machine()[1]:
            return None
        return read_notes(self._folder / row.key, row.token)

    def added(self, outcome: AttemptOutcome, row: JobRow) -> AttemptOutcome:
        """Return the outcome of a job's attempt, with the cases that were in flight if its process died."""
        if row.token is None or not _is_death(outcome):
            return outcome
        return replace(outcome, in_flight=read_notes(self._folder / row.key, row.token))

    def remove(self, key: str) -> None:
        """Remove the notes of a job, when its attempt has ended; best effort."""
        path = self._folder / key
        with contextlib.suppress(OSError):
            if path.exists():
                path.unlink(missing_ok=True)


def _is_death(outcome: AttemptOutcome) -> bool:
    """Whether the job's process died, perhaps of a case, and was not asked to end."""
    if outcome.cause is Cause.SIGNAL:
        code = outcome.exit_code
        return code is not None and code < 0 and -code not in _ASKED_TO_END
    return outcome.cause in _DEATHS
