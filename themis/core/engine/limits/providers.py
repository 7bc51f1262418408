"""The providers that runs of this process ask now, and the thread that keeps in touch with their operator."""

import logging
import os
import threading
import time
from collections.abc import Callable

from themis.core.configuration.provider_names import public_name
from themis.core.engine.limits.account import Account
from themis.core.engine.limits.limit_report import LimitReport
from themis.core.engine.limits.provider_limits import ProviderLimits
from themis.core.engine.limits.share import Share
from themis.core.engine.limits.sharing.ledger import HostLedger, Ledger
from themis.core.engine.limits.sharing.part import QUIET_S
from themis.core.shared_limits.quota_file import is_shared_now

logger = logging.getLogger("themis.limits")

FIRST_AFTER_S = 0.2
"""Seconds after which a process is first shown: a run that is over sooner writes nothing."""

EVERY_S = 1.0
"""Seconds after which a changed setting is followed, and the report of this process is written again."""


LedgerOf = Callable[[str, str | None, Callable[[str], None]], Ledger]
"""Makes the ledger of a provider, by its public name, and of a key; remarks go to the function."""


class Providers:
    """The limits of the providers that runs of this process ask now, by provider and key.

    While there are any, a thread of its own follows the operator's settings, reports the limits, and tells the other
    processes that this one is there. Only the setting that holds from the first call on is read at once.
    """

    def __init__(self, ledger_of: LedgerOf = HostLedger) -> None:
        """Begin with none; `ledger_of` makes the ledgers by which they are shared."""
        self.ledger_of = ledger_of
        self._lock = threading.Lock()
        self._reports: dict[Account, tuple[ProviderLimits, LimitReport]] = {}
        self._complained: set[str] = set()
        self._stop: threading.Event | None = None

    def join(self, asked: Account, share: Share) -> ProviderLimits:
        """Let a run take part in the limits of a provider."""
        with self._lock:
            known = self._reports.get(asked)
            if known is None:
                name = public_name(asked.provider)
                ledger = self.ledger_of(name, asked.credential, self._remark)
                is_shared = ledger.is_shared and is_shared_now(name)
                limits = ProviderLimits(asked.provider, ledger, is_asked_elsewhere=is_shared)
                report = LimitReport(limits, self._complained)
                report.follow()
                known = self._reports[asked] = limits, report
            if self._stop is None:
                self._stop = threading.Event()
                self._start(self._stop)
            known[0].join(share)
        return known[0]

    def leave(self, limits: ProviderLimits, share: Share) -> None:
        """Let a run leave; limits that no run takes part in are forgotten, and no longer reported.

        That is done here and now: the process of a job ends just after its run, and others see that there is room.
        """
        left: list[LimitReport] = []
        with self._lock:
            if not limits.leave(share):
                over = [asked for asked, known in self._reports.items() if known[0] is limits]
                left = [self._reports.pop(asked)[1] for asked in over]
                limits.close(time.monotonic())
            if not self._reports and self._stop is not None:
                self._stop.set()
                self._stop = None
        for report in left:
            report.withdraw()

    def asked(self) -> list[ProviderLimits]:
        """The limits of all providers that are asked now."""
        return [limits for limits, _ in list(self._reports.values())]

    def forget(self) -> None:
        """Begin with none, in a forked child: runs, thread and perhaps the holder of a lock are its parent's."""
        self.__init__(self.ledger_of)  # type: ignore[misc]

    def _remark(self, text: str) -> None:
        if text not in self._complained:
            self._complained.add(text)
            logger.warning("%s", text)

    def _start(self, stop: threading.Event) -> None:
        thread = threading.Thread(target=self._keep_in_touch, args=(stop,), name="themis-limits", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the process may start no more threads; its limits are only not shown
            logger.warning("limits that are set with `themis limits` from now on are not followed: %s", error)

    def _keep_in_touch(self, stop: threading.Event) -> None:
        wait_s, reported_at = FIRST_AFTER_S, -EVERY_S
        while not stop.wait(wait_s):
            wait_s, now = min(QUIET_S, EVERY_S), time.monotonic()
            for limits in self.asked():
                limits.keep_in_touch(now)
            if now - reported_at < EVERY_S:
                continue
            reported_at = now
            for _, report in list(self._reports.values()):
                report.refresh()


providers = Providers()
os.register_at_fork(after_in_child=providers.forget)
