"""Session of a generator: the connections that it holds during a run, one client for all calls."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any


def session_of(generator: Any) -> AbstractAsyncContextManager[Any]:
    """Return the block in which a generator is called: its own `session()`, if it has one, else an empty one."""
    begin = getattr(generator, "session", None)
    return begin() if callable(begin) else nullcontext()
