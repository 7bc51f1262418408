"""The one move: lock, take, decide, place, release. Every change of a job's row is made here, and nowhere else.

Claim, settle, recover, cancel, retry, rerun and set differ only in what they decide, and where they begin and end.

1. Lock the key (by the caller, who also reads the row and its version v).
2. Take: rename the job's file, from any folder, to a name in `claimed/` that only this mover uses. From now on no
   process that uses an older listing of the folders finds it. Without a file, nothing is touched. A rerun writes its
   new manifest into the file here, while no other process can find it.
3. Decide, in one transaction of the store that requires version v and makes it v + 1 even when nothing else changes, so
   that a process that read v before cannot change anything any more. With another version, nothing is touched; the next
   recovery moves the file in `claimed/` to where it belongs. All that belongs to the change (last results, a new
   manifest, a new run) is written in the same transaction.
4. Place the file in the folder that the row now names. Dying before this leaves a file in `claimed/` whose lock is
   free, and a row that says where it belongs.
5. Release (by the caller).

A claim stops after 3, keeps the claimed file, and keeps the lock while the job runs; its settling is 3 to 5. A change
that leaves the job in its folder (another queue's job is taken over, numbers are raised) is 3 alone, under the lock.

Every commit but the claim's is synced before the file is placed: if a row forgot its end while the file was in an end
folder, where no worker searches, the job would be stuck. For the same reason a file that leaves an end folder
has left it durably before the row says that the job is queued again.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from themis.core.errors import StoreError
from themis.core.files import durable
from themis.core.queue.folder import bell, uncharged_ends
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout
from themis.core.queue.transitions import dependents
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.job_store import JobStore

_OPEN_FOLDERS = (layout.QUEUED, layout.WAITING, layout.CLAIMED)


@dataclass(frozen=True, slots=True)
class Move:
    """Parameters of one move of a job, whose key is locked by the caller.

    Attributes:
        decide: returns the change of the row; None leaves it. It must not have side effects.
        sources: paths of the job's file and leftovers of it; None when no file is to be taken.
        claimed_path: path of a file that an earlier move took and kept; None without one.
        claim_token: take the file under the name of the next attempt, with this token, and keep it claimed.
        manifest: new text of the job's manifest, in the file and in the store; None leaves it.
        also: writes what belongs to the change, in the same transaction.
        synced: whether the change must survive a power loss. If lost, it must leave a state that a recovery can repair.
        heeds_requests: whether `decide` checks for a request to cancel, which others may make without the lock; the row
            is then read again inside the transaction.
        may_stay: whether an error while the file is placed is returned as `Moved.not_placed` instead of raised.
    """

    decide: Callable[[JobRow], Change | None]
    sources: Sequence[str] | None = None
    claimed_path: str | None = None
    claim_token: str | None = None
    manifest: str | None = None
    also: Callable[[], object] | None = None
    synced: bool = True
    heeds_requests: bool = True
    may_stay: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """Result of a move.

    Attributes:
        row: the job's new row.
        path: path of its file, claimed or placed where the row says; None when no file was taken.
        not_placed: error that left the file of a committed change in `claimed/`, for the next recovery to place.
    """

    row: JobRow
    path: str | None = None
    not_placed: OSError | StoreError | None = None


def make(root: QueueRoot, store: JobStore, row: JobRow, move: Move, now_ns: int) -> Moved | None:
    """Make steps 2 to 4, under the key's lock; None when another process has changed the job or taken its file.

    Args:
        root: the queue.
        store: store of the job.
        row: the job as it was read under the lock.
        move: the move.
        now_ns: the current time.
    """
    claimed_path = move.claimed_path
    if move.sources is not None:
        token, attempt = move.claim_token, row.attempt + 1
        if token is None:
            token, attempt = uncharged_ends.token_for(row, move.sources), row.attempt
        claimed_path = take(root, row.key, attempt, token, move.sources)
        if claimed_path is None:
            return None
        if move.manifest is not None:
            durable.publish(root.hidden_name(), claimed_path, move.manifest.encode())
    after = _decide(store, row, move)
    if after is None:
        return None
    if dependents.is_ended_and_awaited(after):
        bell.ring(root.path)
    if claimed_path is None or move.claim_token is not None:
        return Moved(after, claimed_path)
    try:
        return Moved(after, place(root, store, claimed_path, after, now_ns))
    except (OSError, StoreError) as error:
        if not move.may_stay:
            raise
        return Moved(after, claimed_path, not_placed=error)


def _decide(store: JobStore, row: JobRow, move: Move) -> JobRow | None:
    """Make step 3; return the new row, or None when nothing was written."""
    known = None if move.heeds_requests else row
    if move.manifest is None and move.also is None:
        change = store.change(row.fence, move.decide, synced=move.synced, known=known)
        return None if change is None else change.row
    with store.transaction(synced=move.synced):
        change = store.change(row.fence, move.decide, synced=move.synced, known=known)
        if change is None:
            return None
        if move.manifest is not None:
            store.replace_manifest(row.key, move.manifest)
        if move.also is not None:
            move.also()
    return change.row


def take(root: QueueRoot, key: str, attempt: int, token: str, sources: Iterable[str]) -> str | None:
    """Rename a job's file to a name of ours in `claimed/`; return that path, or None when there was no file."""
    claimed = root.folder(layout.CLAIMED)
    claimed_path = f"{claimed}/{layout.claimed_name(key, attempt, token)}"
    left: list[str] = []
    for source in sources:
        try:
            durable.rename(source, claimed_path)
        except FileNotFoundError:
            continue
        left.append(os.path.dirname(source))  # noqa: PTH120  # hot: once a claim
    if not left:
        return None
    ended = [folder for folder in left if os.path.basename(folder) in layout.END_FOLDERS]  # noqa: PTH119
    if ended:
        for folder in (claimed, *ended):
            durable.fsync_folder(folder)
    return claimed_path


def place(root: QueueRoot, store: JobStore, claimed_path: str, row: JobRow, now_ns: int) -> str:
    """Move a claimed file to where its row says, and return that path; a missing file is published again."""
    target = path_of(root, row, now_ns)
    try:
        durable.rename(claimed_path, target)
    except FileNotFoundError:
        return publish(root, store, row, now_ns)
    announce(root, target)
    return target


def publish(root: QueueRoot, store: JobStore, row: JobRow, now_ns: int) -> str:
    """Write a job's file again, from the store's copy, to where its row says; durable on return."""
    target = path_of(root, row, now_ns)
    durable.publish(root.hidden_name(), target, (store.manifest(row.key) or "").encode())
    announce(root, target)
    return target


def announce(root: QueueRoot, path: str) -> None:
    """Wake the workers if a job's file at `path` is now in a folder that they take jobs from."""
    if path.startswith(f"{root.folder(layout.QUEUED)}/"):
        bell.ring(root.path)


def exists(path: str) -> bool:
    """Whether there is a file of that name."""
    return os.path.lexists(path)


def path_of(root: QueueRoot, row: JobRow, now_ns: int) -> str:
    """Return the path where a job's file belongs."""
    folder, name = layout.place_of(row, now_ns)
    return f"{root.path}/{folder}/{name}"


def locate(root: QueueRoot, row: JobRow, listed: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Return every file of a job: the one where its row says, and leftovers elsewhere.

    Args:
        root: the queue.
        row: the job.
        listed: result of `list_files` from a moment ago, so that the folders need not be listed again for each of many
            jobs; they are listed when none of its files exists any more.
    """
    found = []
    suffix = f"{row.key}.json"
    for folder in layout.END_FOLDERS:
        path = f"{root.path}/{folder}/{suffix}"
        if os.path.lexists(path):
            found.append(path)
    if listed is not None:
        found += [path for path in listed.get(row.key, ()) if os.path.lexists(path)]
        if found:
            return found
    for folder in _OPEN_FOLDERS:
        for name in os.listdir(root.folder(folder)):  # noqa: PTH208  # names only, very many
            if row.key in name:
                entry = layout.parse(folder, name)
                if entry is not None and entry.key == row.key:
                    found.append(f"{root.path}/{folder}/{name}")
    return found


def list_files(root: QueueRoot) -> dict[str, list[str]]:
    """Return the files of all jobs that have not ended, by key: one listing for a change of many jobs."""
    found: dict[str, list[str]] = {}
    for folder in _OPEN_FOLDERS:
        for name in os.listdir(root.folder(folder)):  # noqa: PTH208
            entry = layout.parse(folder, name)
            if entry is not None:
                found.setdefault(entry.key, []).append(f"{root.path}/{folder}/{name}")
    return found
