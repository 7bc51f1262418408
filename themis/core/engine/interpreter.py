"""How Python's interpreter is set while a run goes: for values that live on, and for a writer beside the event loop."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""New containers after which the youngest are looked through for garbage; Python's own default is 700 or 2,000."""

SWITCH_S = 0.001
"""Seconds after which a thread that computes makes way for one that waits; Python's own default is 0.005.

The event loop pauses for an instant more often than that (`crew.BREATH_S`), and each pause makes a waiting thread begin
its wait anew: it must be the shorter of the two, or the writer gets its turn only when everything waits for it.
"""


@contextmanager
def set_for_runs() -> Iterator[None]:
    """A block in which collections are rarer and threads take turns sooner; what was before is set again after it."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(max(YOUNG_OBJECTS, thresholds[0]) if thresholds[0] else 0, *thresholds[1:])
    is_slow = interval > SWITCH_S
    if is_slow:
        sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        if is_slow:
            sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
