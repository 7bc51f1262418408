"""Quota file of one key at one provider: kept open by each process that shares it, changed under its lock.

A change takes a fraction of a millisecond and waits for nobody, so an event loop may make it.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from themis.core.errors import LimitFileError
from themis.core.files import durable, guarded
from themis.core.processes import identity
from themis.core.shared_limits import holder_locks, quota_pages
from themis.core.shared_limits.account import account_of
from themis.core.shared_limits.file_errors import explained
from themis.core.shared_limits.folder import limits_folder
from themis.core.shared_limits.quota_document import MOST_HOLDERS, QuotaDocument
from themis.core.shared_limits.quota_text import decode, encode

Result = TypeVar("Result")

SUFFIX = ".quota"
STALE_S = 3_600.0
"""Seconds after which a file that nobody holds and changes is removed: what was taken then counts no more."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_DIGITS = 24

# A forked child must not keep its parent alive in the eyes of others.
_open: "set[QuotaFile]" = set()


class QuotaFile:
    """The quota file of one key at one provider, in which this process is a holder from its first change on.

    Attributes:
        path: of the file.
        account: hash of the key; empty for no key.
    """

    def __init__(self, provider: str, credential: str | None, remark: Callable[[str], None]) -> None:
        """Open the file, which is created if need be.

        Args:
            provider: public name.
            credential: the key.
            remark: called with a sentence when a damaged file was set aside.

        Raises:
            LimitFileError: the folder or the file cannot be used.
        """
        folder = limits_folder()
        self.path = folder
        self._provider = provider
        self._remark = remark
        self._number: int | None = None
        self._descriptor = -1
        self._seen: tuple[quota_pages.Page, QuotaDocument] | None = None
        with explained(self.path):
            self.account = account_of(credential, folder)
            self.path = folder / f"{provider_digits(provider)}{'-' if self.account else ''}{self.account}{SUFFIX}"
            self._open()

    def update(self, change: Callable[[QuotaDocument, int], Result]) -> tuple[Result] | None:
        """Change the content; returns what `change` returns, or None when another process changes it just now.

        Args:
            change: called with the content, in which only living processes are holders, and the number of this one.

        Raises:
            LimitFileError: it cannot be read or written.
        """
        with explained(self.path):
            if not self._lock():
                return None
            try:
                page, document = self._read()
                number = self._number_in(document)
                self._drop_the_dead(document, number)
                self._seen = None  # unless all goes well
                result = change(document, number)
                self._seen = quota_pages.write(self._descriptor, page, encode(document)), document
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return (result,)

    def close(self) -> None:
        """Close the file, which ends the holding of this process; harmless when repeated."""
        if self._descriptor >= 0 and self._number is not None:
            with contextlib.suppress(OSError):
                holder_locks.release(self._descriptor, self._number)
        self.forget()

    def forget(self) -> None:
        """Close this process's copy of the file, which its parent may hold."""
        _open.discard(self)
        descriptor, self._descriptor, self._number = self._descriptor, -1, None
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> None:
        durable.make_folder(self.path.parent, private=True)
        if not self.path.exists():
            _remove_stale(self.path.parent)
        self._descriptor = os.open(self.path, _FLAGS, 0o600)
        self._number, self._seen = None, None
        _open.add(self)
        facts = os.fstat(self._descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            self.close()
            msg = "it is not a file of this user"
            raise ValueError(msg)
        if facts.st_mode & 0o077:
            os.fchmod(self._descriptor, 0o600)

    def _lock(self) -> bool:
        """Lock the file that has its name now; whether no other process has the lock."""
        for _ in range(3):
            if self._descriptor < 0:
                self._open()
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._descriptor), self.path.lstat()):
                    return True
            self.close()  # the file was removed or replaced
        msg = "it is replaced again and again"
        raise ValueError(msg)

    def _read(self) -> tuple[quota_pages.Page, QuotaDocument]:
        here = identity.this_place().boot_id
        try:
            page = quota_pages.read(self._descriptor)
            if self._seen is not None and self._seen[0] == page:
                return self._seen
            if page.data:
                found = decode(page.data, self._provider)
                if found.boot_id == here:
                    return page, found
        except quota_pages.NewerPagesError:
            raise
        except ValueError as error:
            page = self._set_aside(str(error))
        return page, QuotaDocument(self._provider, here)

    def _set_aside(self, why: str) -> quota_pages.Page:
        aside = self.path.with_suffix(".damaged")
        guarded.replace(aside, os.pread(self._descriptor, 2 * quota_pages.PAGE_BYTES, 0))
        os.ftruncate(self._descriptor, 0)
        self._remark(f"{self.path}: {why}; it was set aside as {aside.name}, and a new one is used")
        return quota_pages.Page(place=1, number=0, checksum=0, data=b"")

    def _number_in(self, document: QuotaDocument) -> int:
        if self._number is None:
            free = (number for number in range(MOST_HOLDERS) if holder_locks.take(self._descriptor, number))
            self._number = next((number for number in free if self._is_free(document, number)), None)
        if self._number is None:
            msg = f"more than {MOST_HOLDERS:,} processes hold it"
            raise ValueError(msg)
        return self._number

    def _is_free(self, document: QuotaDocument, number: int) -> bool:
        """Whether no living process has a number whose lock was free."""
        known = document.holders.get(number)
        if known is not None and holder_locks.PROVES:
            document.drop(number, time.monotonic())
            return True
        return known is None

    def _drop_the_dead(self, document: QuotaDocument, own: int) -> None:
        for number, holder in list(document.holders.items()):
            if number != own and not holder_locks.is_alive(self._descriptor, number, holder):
                document.drop(number, time.monotonic())


def provider_digits(provider: str) -> str:
    """Return the beginning of the names of a provider's quota files on this host."""
    name = f"{identity.machine()[0]}\n{provider}"
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGITS]


def is_shared_now(provider: str) -> bool:
    """Whether there is a quota file of a provider, so that other processes may ask it too."""
    beginning = provider_digits(provider)
    try:
        names = os.listdir(limits_folder())  # noqa: PTH208  # only the names are needed
    except (OSError, LimitFileError):
        return False
    return any(name.startswith(beginning) and name.endswith(SUFFIX) for name in names)


def all_quotas(folder: Path) -> Iterator[tuple[str, QuotaDocument]]:
    """Yield the account and the content of each quota file of this host that has living holders."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  # only the names are needed
    except OSError:
        return
    for name in names:
        if name.endswith(SUFFIX):
            with contextlib.suppress(OSError, ValueError):
                document = _looked_at(folder / name)
                if document.holders:
                    yield name.removesuffix(SUFFIX).partition("-")[2], document


def _looked_at(path: Path) -> QuotaDocument:
    descriptor = guarded.open_to_read(path)
    try:
        page = quota_pages.read(descriptor)
        document = decode(page.data, None)
        if document.boot_id != identity.this_place().boot_id:
            document.holders.clear()
        for number, holder in list(document.holders.items()):
            if not holder_locks.is_alive(descriptor, number, holder):
                del document.holders[number]
        return document
    finally:
        os.close(descriptor)


def _remove_stale(folder: Path) -> None:
    """Remove the files that nobody has used for long."""
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime < STALE_S:
                continue
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(descriptor).st_mtime >= STALE_S:
                    path.unlink()
            finally:
                os.close(descriptor)


def _forget_all() -> None:
    for file in list(_open):
        file.forget()


os.register_at_fork(after_in_child=_forget_all)
