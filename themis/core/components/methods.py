"""Check of a component's method against its role, before it is called.

The engine awaits the answers of a generator, a selector, a reducer and a judge, and uses the values that a parser and a
metric return. With the wrong kind every call would be made, and perhaps paid for, and its answer thrown away.
"""

import functools
import inspect
from typing import Any

_ASYNCHRONOUS = frozenset({"generate", "select", "reduce", "judge"})
_AWAITABLES = ("Awaitable", "Coroutine", "Future", "Task")

MOST_CONCURRENT = 1_024
"""Most threads that a component may ask for."""


def fault_of(live: Any, method: str) -> str | None:
    """Return the fault of a component's `method`, or of its number of concurrent calls; None when there is none.

    A plain function counts as asynchronous when it is annotated to return an awaitable, or wraps a function that does.
    A callable that is not a Python function is assumed to be right.
    """
    function = _function(getattr(live, method))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return f"{method} yields, and must return its result"
    is_async = inspect.iscoroutinefunction(function)
    if method in _ASYNCHRONOUS:
        if inspect.isfunction(function) and not is_async and not _says_awaitable(function):
            return f"{method} must be asynchronous: write async def {method}"
        return None
    if is_async:
        return f"{method} must not be asynchronous: write def {method}, and run coroutines in it with asyncio.run"
    return _wrong_number(live)


def _wrong_number(live: Any) -> str | None:
    number = getattr(live, "concurrent", 1)
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= MOST_CONCURRENT:
        return None
    return f"concurrent must be a whole number from 1 to {MOST_CONCURRENT}, the calls that it takes at once"


def _function(method: Any) -> Any:
    """Return the function that is called in the end."""
    while isinstance(method, functools.partial):
        method = method.func
    if inspect.iscoroutinefunction(method):  # marked as a coroutine function
        return method
    found = inspect.unwrap(method)
    return getattr(found, "__func__", found)


def _says_awaitable(function: Any) -> bool:
    said = getattr(function, "__annotations__", {}).get("return", "")
    return any(name in str(said) for name in _AWAITABLES)
