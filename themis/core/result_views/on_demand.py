"""A sequence and a mapping whose content is read when it is asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar, overload

Item = TypeVar("Item")
Key = TypeVar("Key")


class ItemsOnDemand(Sequence[Item], Generic[Item]):
    """A sequence that is read each time it is iterated over; a length or a position reads it once, and keeps it."""

    def __init__(self, read: Callable[[], Iterable[Item]]) -> None:
        """Make the sequence of what `read` returns."""
        self._read = read
        self._kept: list[Item] | None = None

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the items, with few of them in memory at a time."""
        return iter(self._read() if self._kept is None else self._kept)

    def __len__(self) -> int:
        """Count the items."""
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        """Return one item, or a list for a slice."""
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        """Whether the items equal those of any other sequence."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compares by content

    def __repr__(self) -> str:
        """Return a representation like that of a list."""
        return repr(self._all())

    def _all(self) -> list[Item]:
        if self._kept is None:
            self._kept = list(self._read())
        return self._kept


class ValuesOnDemand(Mapping[Key, Item], Generic[Key, Item]):
    """A mapping that is read on its first use."""

    def __init__(self, read: Callable[[], Mapping[Key, Item]]) -> None:
        """Make the mapping that `read` returns."""
        self._read = read
        self._kept: Mapping[Key, Item] | None = None

    def __getitem__(self, key: Key) -> Item:
        """Return the value of a key."""
        return self._all()[key]

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the keys, in order."""
        return iter(self._all())

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._all())

    def __repr__(self) -> str:
        """Return a representation like that of a dictionary."""
        return repr(dict(self._all()))

    def _all(self) -> Mapping[Key, Item]:
        if self._kept is None:
            self._kept = self._read()
        return self._kept
