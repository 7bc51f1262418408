"""Ledgers: where the limits of one key at one provider are kept, for this process alone or for all of this host."""

import time
from collections.abc import Callable
from typing import Protocol

from themis.core.engine.limits.sharing.exchange import Report, Terms, exchange
from themis.core.errors import LimitFileError
from themis.core.shared_limits.holder import this_holder
from themis.core.shared_limits.quota_document import QuotaDocument, QuotaHolder
from themis.core.shared_limits.quota_file import QuotaFile

PATIENCE_S = 2.0
"""Seconds for which another process may change a file, which takes less than a millisecond, before it is given up."""

RETRY_S = 10.0
"""Seconds after which a file that could not be used is tried again."""


class Ledger(Protocol):
    """Keeps the limits of one key at one provider.

    Attributes:
        is_shared: whether other processes use it too.
        account: hash of the key; empty for no key, and while it is not known.
    """

    @property
    def is_shared(self) -> bool: ...  # noqa: D102  # above

    @property
    def account(self) -> str: ...  # noqa: D102  # above

    def exchange(self, report: Report, now: float) -> Terms | None:
        """Return what follows from a report; None when another process is at it, so that one must try again soon."""
        ...

    def close(self, now: float) -> None:
        """Take part no longer."""
        ...


class MemoryLedger:
    """Ledger in memory, of one process, or of several that are simulated."""

    is_shared = False
    account = ""

    def __init__(self, document: QuotaDocument | None = None, number: int = 0) -> None:
        """Use `document`, in which this process has a number."""
        self._document = QuotaDocument("") if document is None else document
        self._number = number

    def exchange(self, report: Report, now: float) -> Terms:
        """Return what follows from a report."""
        holder = QuotaHolder(pid=0, pid_started=0, at=now, rules=report.rules)
        return exchange(self._document, self._number, holder, report)

    def close(self, now: float) -> None:
        """Take part no longer."""
        self._document.drop(self._number, now)


class HostLedger:
    """Ledger in the quota file of this host; in memory, with one remark, while that cannot be used."""

    def __init__(self, provider: str, credential: str | None, remark: Callable[[str], None]) -> None:
        """Use the file of a provider, by its public name, and of a key, from the first exchange on."""
        self._provider = provider
        self._credential = credential
        self._remark = remark
        self._file: QuotaFile | None = None
        self._memory: MemoryLedger | None = None
        self._retry_at = 0.0
        self._busy_since: float | None = None
        process = this_holder()
        self._pid, self._pid_started = process.pid, process.pid_started

    is_shared = True

    @property
    def account(self) -> str:
        """Hash of the key; empty for no key, and before the first exchange."""
        return self._file.account if self._file is not None else ""

    def exchange(self, report: Report, now: float) -> Terms | None:
        """Return what follows from a report; None when another process is at it, so that one must try again soon."""
        if self._memory is not None and time.monotonic() < self._retry_at:
            return self._memory.exchange(report, now)
        holder = QuotaHolder(self._pid, self._pid_started, at=now, rules=report.rules)
        try:
            if self._file is None:
                self._file = QuotaFile(self._provider, self._credential, self._remark)
            found = self._file.update(lambda document, number: exchange(document, number, holder, report))
        except LimitFileError as error:
            return self._alone(report, now, str(error))
        if found is not None:
            self._memory = self._busy_since = None
            return found[0]
        began = self._busy_since = self._busy_since or time.monotonic()
        if time.monotonic() - began < PATIENCE_S:
            return None
        return self._alone(report, now, f"limits of providers: {self._file.path}: another process keeps it locked")

    def close(self, now: float) -> None:
        """Take part no longer."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.update(lambda document, number: document.drop(number, now))
        except LimitFileError:
            pass  # the others see that the file is closed
        finally:
            file.close()

    def _alone(self, report: Report, now: float, why: str) -> Terms:
        self._remark(f"limits of a provider are not shared with other processes: {why}")
        if self._file is not None:
            self._file.close()
        self._file = self._busy_since = None
        if self._memory is None:
            self._memory = MemoryLedger()
        self._retry_at = time.monotonic() + RETRY_S
        return self._memory.exchange(report, now)
