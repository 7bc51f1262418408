"""Undo in memory: the changes of a failed block are reverted."""

import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Undo:
    """Blocks whose changes are kept whole or not at all; they nest, and one thread at a time is in one."""

    def __init__(self) -> None:
        """Start outside of any block."""
        self.lock = threading.RLock()
        self._steps: list[Callable[[], object]] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a block; a block within another one is a part of that."""
        with self.lock:
            if self._steps is not None:
                yield
                return
            steps = self._steps = []
            try:
                yield
            except BaseException:
                for step in reversed(steps):
                    step()
                raise
            finally:
                self._steps = None

    def note(self, step: Callable[[], object]) -> None:
        """Register `step` to undo a change if its block fails; a change outside of a block is final."""
        if self._steps is not None:
            self._steps.append(step)

    def put(self, mapping: MutableMapping[Key, Value], key: Key, value: Value) -> None:
        """Set an item of a mapping."""
        if self._steps is not None:
            if key in mapping:
                self._steps.append(lambda before=mapping[key]: mapping.__setitem__(key, before))  # type: ignore[misc]
            else:
                self._steps.append(lambda: mapping.pop(key, None))
        mapping[key] = value
