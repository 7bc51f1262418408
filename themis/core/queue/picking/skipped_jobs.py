"""Skipped jobs: those that this worker leaves to others, read once instead of at every listing."""

import sys
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from themis.core.queue.model.manifest_file import Manifest

Allow = Callable[[Manifest], str | None]
"""Returns the reason why a worker may not run a job; None when it may. The job is then left for another worker.

The answer for a job is remembered by the name of its file, so it may depend only on the manifest; equal policies give
equal answers, and a different one is asked again.
"""


class SkippedJobs:
    """Names of the files of skipped jobs, each with the reason."""

    def __init__(self) -> None:
        """Start without any."""
        self._allow: Allow | None = None
        self._reasons: dict[str, str] = {}
        self._told: Mapping[str, str] | None = None

    @property
    def reasons(self) -> Mapping[str, str]:
        """Reasons by name, as of now: later skips do not change them.

        Thousands may be skipped, and every claim asks: they are copied only after one was added or forgotten.
        """
        if self._told is None:
            self._told = MappingProxyType(dict(self._reasons))
        return self._told

    def begin(self, allow: Allow | None) -> bool:
        """Begin a claim; return whether the known reasons came from another `allow`, and so were forgotten."""
        if allow == self._allow:
            return False
        self._allow = allow
        self._reasons.clear()
        self._told = None
        return True

    def note(self, name: str, reason: str) -> None:
        """Skip the file `name` from now on."""
        self._reasons[name] = sys.intern(reason)  # thousands have the same
        self._told = None

    def keep(self, *listed: AbstractSet[str]) -> None:
        """Forget files that are in none of the listings."""
        for name in set(self._reasons).difference(*listed):
            del self._reasons[name]
            self._told = None
