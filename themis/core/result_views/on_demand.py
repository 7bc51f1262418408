"""Sequences and a mapping whose content is read when it is asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar, get_args, overload

from pydantic_core import core_schema

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


class ItemsInParts(Sequence[Item], Generic[Item]):
    """A sequence that is read in parts, one part at a time, whenever it is used; nothing of it is kept.

    It compares by content. As a field of a pydantic model it is taken as it is, and dumped as a list.
    """

    def __init__(self, parts: Sequence[tuple[str, int]], read: Callable[[str, int], Iterable[Item]]) -> None:
        """Make the items of some parts: each has a name and a number of items, and `read` returns those of one."""
        self._parts = list(parts)
        self._stops = list(accumulate(count for _, count in self._parts))
        self._read = read

    def __len__(self) -> int:
        """Count the items; reads none."""
        return self._stops[-1] if self._stops else 0

    def __iter__(self) -> Iterator[Item]:
        """Iterate over all items."""
        return self.between(0, len(self))

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        """Return one item, or a list for a slice; reads the parts that they are in."""
        if isinstance(index, int):
            position = range(len(self))[index]
            return next(self.between(position, position + 1))
        positions = range(len(self))[index]
        if not positions:
            return []
        first, last = min(positions[0], positions[-1]), max(positions[0], positions[-1])
        return list(self.between(first, last + 1))[:: positions.step]

    def between(self, first: int, stop: int) -> Iterator[Item]:
        """Iterate over the items from position `first`, at least 0, to before `stop`; only parts with one are read."""
        return (item for _, item in self.at(range(first, min(stop, len(self)))))

    def at(self, positions: Iterable[int]) -> Iterator[tuple[int, Item]]:
        """Iterate over some positions, in ascending order, and their items; only parts with one are read."""
        parts = zip(self._parts, self._stops, strict=True)
        items, begin, end = list[Item](), 0, 0
        for position in positions:
            if position >= end:
                (name, count), end = next(part for part in parts if position < part[1])
                items.clear()  # before the next are read
                items, begin = list(self._read(name, count)), end - count
            yield position, items[position - begin]

    def __eq__(self, other: object) -> bool:
        """Whether the items equal those of a list, or of another object of this kind."""
        if not isinstance(other, list | ItemsInParts):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # compares by content

    def __repr__(self) -> str:
        """Return the number of items; they are not read for it."""
        return f"<{len(self)} items>"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Tell pydantic to take such an object as it is, and to dump it as a list of its items."""
        (item,) = get_args(source) or (Any,)
        items = core_schema.list_schema(handler.generate_schema(item))
        dumped = core_schema.plain_serializer_function_ser_schema(list, return_schema=items)
        return core_schema.is_instance_schema(cls, serialization=dumped)


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
