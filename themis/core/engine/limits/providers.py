"""The providers that runs of this process ask now, and the thread that keeps in touch with their operator."""

import logging
import os
import threading

from themis.core.engine.limits.limit_report import LimitReport
from themis.core.engine.limits.provider_limits import ProviderLimits
from themis.core.engine.limits.share import Share

logger = logging.getLogger("themis.limits")

FIRST_AFTER_S = 0.2
"""Seconds after which a process is first shown: a run that is over sooner writes nothing."""

EVERY_S = 1.0
"""Seconds after which a changed setting is followed, and the report of this process is written again."""


class Providers:
    """The limits of the providers that runs of this process ask now, by `provider_key`.

    While there are any, a thread of its own follows the operator's settings and reports the limits: no event loop waits
    for a disk. Only the setting that holds from the first call on is read at once.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._reports: dict[str, tuple[ProviderLimits, LimitReport]] = {}
        self._complained: set[str] = set()
        self._stop: threading.Event | None = None

    def join(self, provider: str, share: Share) -> ProviderLimits:
        """Let a run take part in the limits of a provider."""
        with self._lock:
            known = self._reports.get(provider)
            if known is None:
                limits = ProviderLimits(provider)
                report = LimitReport(limits, self._complained)
                report.follow()
                known = self._reports[provider] = limits, report
            if self._stop is None:
                self._stop = threading.Event()
                self._start(self._stop)
            known[0].join(share)
        return known[0]

    def leave(self, limits: ProviderLimits, share: Share) -> None:
        """Let a run leave; limits that no run takes part in are forgotten."""
        with self._lock:
            known = self._reports.get(limits.provider)
            if not limits.leave(share) and known is not None and known[0] is limits:
                del self._reports[limits.provider]
            if not self._reports and self._stop is not None:
                self._stop.set()
                self._stop = None

    def asked(self) -> list[ProviderLimits]:
        """The limits of all providers that are asked now."""
        return [limits for limits, _ in list(self._reports.values())]

    def forget(self) -> None:
        """Begin with none, in a forked child: runs, thread and perhaps the holder of a lock are its parent's."""
        self.__init__()  # type: ignore[misc]

    def _start(self, stop: threading.Event) -> None:
        thread = threading.Thread(target=self._keep_in_touch, args=(stop,), name="themis-limits", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the process may start no more threads; its limits are only not shown
            logger.warning("limits that are set with `themis limits` from now on are not followed: %s", error)

    def _keep_in_touch(self, stop: threading.Event) -> None:
        known: list[LimitReport] = []
        wait_s = FIRST_AFTER_S
        while not stop.wait(wait_s):
            wait_s = EVERY_S
            before, known = known, [report for _, report in list(self._reports.values())]
            for report in before:
                if report not in known:
                    report.withdraw()
            for report in known:
                report.refresh()
        for report in known:
            report.withdraw()


providers = Providers()
os.register_at_fork(after_in_child=providers.forget)
