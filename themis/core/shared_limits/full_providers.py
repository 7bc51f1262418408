"""Providers that take no more calls just now, as the processes of this user report them."""

import time

from themis.core.errors import LimitFileError
from themis.core.shared_limits.document import LimitDocument
from themis.core.shared_limits.folder import limits_folder
from themis.core.shared_limits.limit_file import all_limits

LOOK_EVERY_S = 0.25
"""Seconds for which "none" serves as the answer."""


class FullProviders:
    """Looks at the limit files at each question, or now and then while no provider is full.

    A provider has room as soon as a process that asked it has ended, which is when a worker asks here.
    """

    def __init__(self) -> None:
        """Begin without an answer."""
        self._none_until = 0.0

    def __call__(self) -> frozenset[str]:
        """Return the public names of the providers for which calls wait; none where the files cannot be read."""
        if time.monotonic() < self._none_until:
            return frozenset()
        found = full_providers()
        if not found:
            self._none_until = time.monotonic() + LOOK_EVERY_S
        return found


def full_providers() -> frozenset[str]:
    """Return the public names of the providers for which calls wait now; none where the files cannot be read."""
    try:
        found = [known for known in all_limits(limits_folder()) if isinstance(known, LimitDocument)]
    except LimitFileError:
        return frozenset()
    return frozenset(known.provider for known in found if any(holder.state.is_full for holder in known.holders))
