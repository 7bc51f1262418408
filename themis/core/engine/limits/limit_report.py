"""Report of this process in the limit file of a provider, and the operator's setting, which comes from there."""

import logging
import threading
import time
from dataclasses import replace

from themis.core.engine.limits.provider_limits import ProviderLimits
from themis.core.errors import LimitFileError
from themis.core.shared_limits.document import LimitDocument
from themis.core.shared_limits.holder import Holder, HolderId, this_holder
from themis.core.shared_limits.limit_file import LimitFile

logger = logging.getLogger("themis.limits")


class LimitReport:
    """Keeps one provider's limits in touch with their file.

    A file or a folder that cannot be used never stops a run: it is logged once, and the last known setting holds.
    """

    def __init__(self, limits: ProviderLimits, complained: set[str]) -> None:
        """Report on `limits`; `complained` has the complaints that were logged, which are not repeated."""
        self._limits = limits
        self._complained = complained
        self._guard = threading.Lock()
        self._written: HolderId | None = None
        self._is_over = False

    def follow(self) -> None:
        """Apply the operator's setting, which costs the reading of a small file, if there is one."""
        try:
            self._limits.set_operator(LimitFile(self._limits.name).read().operator)
        except LimitFileError as error:
            self._complain("the limits that were set with `themis limits` are not followed", error)

    def refresh(self) -> None:
        """Apply the operator's setting, and write what the limits are then; nothing after `withdraw`."""
        with self._guard:
            if self._is_over:
                return
            try:
                LimitFile(self._limits.name).update(self._with_this_process)
            except LimitFileError as error:
                self._complain("this process is not in `themis limits list`", error)
                self.follow()

    def withdraw(self) -> None:
        """Remove this process from the file; readers do so later if this fails."""
        with self._guard:
            self._is_over = True
            if (written := self._written) is None:
                return
            try:
                LimitFile(self._limits.name).update(lambda document: document.without(written))
            except LimitFileError as error:
                logger.debug("%s", error)

    def _with_this_process(self, document: LimitDocument) -> LimitDocument:
        self._limits.set_operator(document.operator)
        # The account is known from the first exchange on, until the file of the shared limits is closed.
        holder = replace(this_holder(), account=self._limits.account)
        if self._written not in {None, holder}:
            document = document.without(self._written)
        self._written = holder
        return document.with_holder(Holder(holder, time.time_ns(), self._limits.state()))

    def _complain(self, what: str, error: LimitFileError) -> None:
        if what not in self._complained:
            self._complained.add(what)
            logger.warning("%s: %s", what, error)
