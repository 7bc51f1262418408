"""Limit on the number of calls in flight."""


class Capacity:
    """A limit on the number of calls in flight, of one run."""

    __slots__ = ("_free",)

    def __init__(self, calls: int) -> None:
        """Allow `calls` at a time."""
        self._free = calls

    def has_room(self) -> bool:
        """Whether one more call may be in flight."""
        return self._free > 0

    def take(self) -> None:
        """Count one more call in flight."""
        self._free -= 1

    def give(self) -> None:
        """Count one call less in flight."""
        self._free += 1
