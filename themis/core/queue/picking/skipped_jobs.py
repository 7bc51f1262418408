"""Jobs that this worker leaves to others: looked into once, not at every listing."""

import sys
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from themis.core.queue.model.manifest_file import Manifest

Allow = Callable[[Manifest], str | None]
"""Why a worker may not run a job; None when it may. One that it may not is left for another worker.

The answer for a job is remembered by the name of its file, so it may depend on nothing but the manifest; equal ones
give equal answers, and another one is asked again.
"""


class SkippedJobs:
    """The names of files that hold such jobs, each with the reason."""

    def __init__(self) -> None:
        """None yet."""
        self._allow: Allow | None = None
        self._reasons: dict[str, str] = {}
        self._told: Mapping[str, str] | None = None

    @property
    def reasons(self) -> Mapping[str, str]:
        """Reason of each skipped job, by name, as of now: later skips do not change it.

        Thousands may be skipped, and every claim asks: they are copied only after one was added or forgotten.
        """
        if self._told is None:
            self._told = MappingProxyType(dict(self._reasons))
        return self._told

    def begin(self, allow: Allow | None) -> bool:
        """A claim begins; returns whether what is known was said by another `allow`, and so is forgotten."""
        if allow == self._allow:
            return False
        self._allow = allow
        self._reasons.clear()
        self._told = None
        return True

    def note(self, name: str, reason: str) -> None:
        """Leave the file called `name` from now on."""
        self._reasons[name] = sys.intern(reason)  # thousands have the same
        self._told = None

    def keep(self, *listed: AbstractSet[str]) -> None:
        """Forget those that are in none of the listings."""
        for name in set(self._reasons).difference(*listed):
            del self._reasons[name]
            self._told = None
