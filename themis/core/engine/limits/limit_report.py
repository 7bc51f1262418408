"""Report of this process in the limit file of a provider, and the operator's setting, which comes from there."""

import logging
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
        self._is_written = False

    def follow(self) -> None:
        """Apply the operator's setting, which costs the reading of a small file, if there is one."""
        try:
            self._limits.set_operator(LimitFile(self._limits.name).read().operator)
        except LimitFileError as error:
            self._complain("the limits that were set with `themis limits` are not followed", error)

    def refresh(self) -> None:
        """Apply the operator's setting, and write what the limits are then."""
        try:
            LimitFile(self._limits.name).update(self._with_this_process)
        except LimitFileError as error:
            self._complain("this process is not in `themis limits list`", error)
            self.follow()
            return
        self._is_written = True

    def withdraw(self) -> None:
        """Remove this process from the file; the next reader does so if this fails."""
        if not self._is_written:
            return
        try:
            LimitFile(self._limits.name).update(lambda document: document.without(self._holder()))
        except LimitFileError as error:
            logger.debug("%s", error)

    def _with_this_process(self, document: LimitDocument) -> LimitDocument:
        self._limits.set_operator(document.operator)
        return document.with_holder(Holder(self._holder(), time.time_ns(), self._limits.state()))

    def _holder(self) -> HolderId:
        """This process, with one of its keys."""
        return replace(this_holder(), account=self._limits.account)

    def _complain(self, what: str, error: LimitFileError) -> None:
        if what not in self._complained:
            self._complained.add(what)
            logger.warning("%s: %s", what, error)
