"""Cyclic garbage is collected less often while a run goes: it makes little, and thousands of values that live on."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""New containers after which the youngest are looked through; Python's own default is 700 or 2,000."""


@contextmanager
def calm_gc() -> Iterator[None]:
    """A block in which collections are rarer; what was set before is set again after it."""
    before = gc.get_threshold()
    gc.set_threshold(max(YOUNG_OBJECTS, before[0]) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
