"""Part of a store's port by which a run is continued at once, however much of it is done."""

from collections.abc import Mapping
from typing import Protocol


class ResumeStore(Protocol):
    """Says in few bytes what is done, and keeps what is known of files that were read before."""

    def ended_cases(self, run_id: str, first: int, stop: int) -> bytes | bytearray:
        """Return a byte for each case numbered from `first` to before `stop`, see `themis.core.outcomes.end_codes`."""

    def known_file(self, key: str) -> str | None:
        """Return what was kept under a key by `keep_known_files`; None when there is nothing.

        It is a cache: a store may forget it at any time.
        """

    def keep_known_files(self, files: Mapping[str, str]) -> None:
        """Keep short texts by their keys, each in place of what was kept under its key before."""
