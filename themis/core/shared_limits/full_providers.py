"""Providers that take no more calls just now, as the processes of this user report them."""

import time

from themis.core.errors import LimitFileError
from themis.core.shared_limits.document import LimitDocument
from themis.core.shared_limits.folder import limits_folder
from themis.core.shared_limits.limit_file import all_limits

LOOK_EVERY_S = 1.0
"""Seconds for which an answer serves: processes report that often."""


class FullProviders:
    """Looks at the limit files, at most once in `LOOK_EVERY_S` seconds."""

    def __init__(self) -> None:
        """Begin without an answer."""
        self._names: frozenset[str] = frozenset()
        self._old_at = 0.0

    def __call__(self) -> frozenset[str]:
        """Return the public names of the providers for which calls wait; none where the files cannot be read."""
        if time.monotonic() >= self._old_at:
            self._names = full_providers()
            self._old_at = time.monotonic() + LOOK_EVERY_S
        return self._names


def full_providers() -> frozenset[str]:
    """Return the public names of the providers for which calls wait now; none where the files cannot be read."""
    try:
        found = [known for known in all_limits(limits_folder()) if isinstance(known, LimitDocument)]
    except LimitFileError:
        return frozenset()
    return frozenset(known.provider for known in found if any(holder.state.is_full for holder in known.holders))
