"""The one move: lock, take, decide, place, release.

Claim, settle, recover, cancel, retry and rerun differ only in what they decide.

1. Lock the key (by the caller, who also reads the row and its version v).
2. Take: rename the job's file, from wherever it lies, to a name in `claimed/` that only this mover uses. From now on
   nobody who goes by an older listing of the folders finds it. No file: touch nothing.
3. Decide, in one transaction of the store that demands version v and makes it v + 1 even when nothing else changes, so
   that whoever read v before can change nothing any more. Another version: touch nothing; the file in `claimed/` is
   put right by the next recovery.
4. Place the file in the folder that the row now names. Dying before this leaves a file in `claimed/` whose lock is
   free, and a row that says where it belongs.
5. Release (by the caller).

Every commit but the claim's is synced before the file is placed: were a row to forget its end while the file lay in an
end folder, where nobody looks for work, the job would be stuck. For the same reason a file that leaves an end folder
has left it durably before the row says that the job is queued again.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from themis.core import durable_files
from themis.core.queue import bell, excuses, layout
from themis.core.queue.job_store import JobStore
from themis.core.queue.root import QueueRoot
from themis.core.stores.job_rows import Change, JobRow

_OPEN_FOLDERS = (layout.QUEUED, layout.WAITING, layout.CLAIMED)


def move(
    root: QueueRoot,
    store: JobStore,
    row: JobRow,
    sources: Sequence[str],
    decide: Callable[[JobRow], Change | None],
    now_ns: int,
) -> JobRow | None:
    """Steps 2 to 4, under the key's lock; None when somebody else has changed the job or taken its file.

    Args:
        root: the queue.
        store: that keeps the job.
        row: the job as it was read under the lock.
        sources: where its file, and leftovers of it, lie.
        decide: what becomes of the job; None leaves it.
        now_ns: the time.
    """
    hand = take(root, row.key, row.attempt, excuses.token_for(row, sources), sources)
    if hand is None:
        return None
    change = store.change(row.key, row.version, decide)
    if change is None:
        return None
    place(root, store, hand, change.row, now_ns)
    return change.row


def take(root: QueueRoot, key: str, attempt: int, token: str, sources: Iterable[str]) -> str | None:
    """Rename a job's file to a name of ours in `claimed/`; returns that path, or None when there was no file."""
    claimed = root.folder(layout.CLAIMED)
    hand = f"{claimed}/{layout.claimed_name(key, attempt, token)}"
    left: list[str] = []
    for source in sources:
        try:
            durable_files.rename(source, hand)
        except FileNotFoundError:
            continue
        left.append(os.path.dirname(source))  # noqa: PTH120  # hot: once a claim
    if not left:
        return None
    ended = [folder for folder in left if os.path.basename(folder) in layout.END_FOLDERS]  # noqa: PTH119
    if ended:
        for folder in (claimed, *ended):
            durable_files.fsync_folder(folder)
    return hand


def place(root: QueueRoot, store: JobStore, hand: str, row: JobRow, now_ns: int) -> str:
    """Rename a taken file to where its row says; returns that path. A file that has vanished is published again."""
    target = path_of(root, row, now_ns)
    try:
        durable_files.rename(hand, target)
    except FileNotFoundError:
        return publish(root, store, row, now_ns)
    announce(root, target)
    return target


def publish(root: QueueRoot, store: JobStore, row: JobRow, now_ns: int) -> str:
    """Write a job's file anew, from the store's copy, to where its row says; durable when this returns."""
    target = path_of(root, row, now_ns)
    durable_files.publish(root.hidden_name(), target, (store.manifest(row.key) or "").encode())
    announce(root, target)
    return target


def announce(root: QueueRoot, path: str) -> None:
    """Have workers hear of a job's file at `path`, if it is now where they take jobs from."""
    if path.startswith(f"{root.folder(layout.QUEUED)}/"):
        bell.ring(root.path)


def path_of(root: QueueRoot, row: JobRow, now_ns: int) -> str:
    """Where a job's file belongs."""
    folder, name = layout.place_of(row, now_ns)
    return f"{root.path}/{folder}/{name}"


def locate(root: QueueRoot, row: JobRow, listed: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Every file of a job: where its row says, and leftovers elsewhere.

    Args:
        root: the queue.
        row: the job.
        listed: what `list_files` found a moment ago, so that the folders need not be listed again for each of many
            jobs; they are when none of what it found is there any more.
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
        for name in os.listdir(root.folder(folder)):  # noqa: PTH208  # names are all that is needed, of very many
            if row.key in name:
                entry = layout.parse(folder, name)
                if entry is not None and entry.key == row.key:
                    found.append(f"{root.path}/{folder}/{name}")
    return found


def list_files(root: QueueRoot) -> dict[str, list[str]]:
    """The files of all jobs that have not ended, by key: one listing for a change of many jobs."""
    found: dict[str, list[str]] = {}
    for folder in _OPEN_FOLDERS:
        for name in os.listdir(root.folder(folder)):  # noqa: PTH208
            entry = layout.parse(folder, name)
            if entry is not None:
                found.setdefault(entry.key, []).append(f"{root.path}/{folder}/{name}")
    return found
