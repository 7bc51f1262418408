"""Faults of an object that is to make a component, found before it is called: a function, missing arguments."""

import inspect
from typing import Any

from themis.core.text.nearest import nearest_hint

_OF_STAGES = frozenset({"case", "ctx", "prompt", "parsed", "candidate", "candidates", "judge_call"})
"""Names of the parameters of a component's method, and of a function that is asked by `callable`."""


def function_fault(found: Any, kind: str, method: str, use: str | None) -> str | None:
    """Return the fault of a plain function in place of a component of that kind; None if it is none, or may make one.

    Args:
        found: the object.
        kind: the role of the component.
        method: the method that this role requires.
        use: its name in the configuration; None for a live object.
    """
    if not inspect.isroutine(found):
        return None
    if use is not None and not inspect.iscoroutinefunction(found) and not _needed(found) & _OF_STAGES:
        return None
    if kind == "generator":
        mend = "CallableGenerator(…), of themis.adapters.callable"
        if use is not None:
            mend = f"{{use: callable, with: {{target: {use}}}}}"
        return f"is a function, not a generator; write {mend}"
    return f"is a function, not a {kind}; write a class with component_id, version, fingerprint() and {method}()"


def class_fault(found: Any) -> str | None:
    """Return the fault of a class that was passed as a live object, in place of an instance of it."""
    return f"is a class; make a component of it: {found.__name__}()" if isinstance(found, type) else None


def argument_fault(factory: Any, arguments: dict[str, Any], use: str) -> str | None:
    """Return the fault of the arguments for a factory: one is missing, or is not known; None if there is none."""
    if not arguments and _takes_none(factory):
        return None
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # not known of some classes that C defines
        return None
    try:
        signature.bind(**arguments)
    except TypeError:
        pass
    else:
        return None
    known = {name: one for name, one in signature.parameters.items() if one.kind in _BY_NAME}
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in signature.parameters.values())
    missing = [name for name, one in known.items() if one.default is one.empty and name not in arguments]
    unknown = [name for name in arguments if name not in known]
    if unknown and (not takes_any or "did you mean" in nearest_hint(unknown[0], missing)):
        said = nearest_hint(unknown[0], missing if takes_any else known) if known else "; it takes no arguments"
        return f"has no argument {unknown[0]!r}{said}"
    if not missing:
        return None
    given = ", ".join(f"{name}: …" for name in [*arguments, *missing])
    return f"needs {' and '.join(map(repr, missing))}: write {{use: {use}, with: {{{given}}}}}"


def _takes_none(factory: Any) -> bool:
    """Whether a factory is a class that is made without arguments, as it has no constructor of its own.

    `inspect` would parse a text for it, in a copy of the table of modules. That changes a count in each of them, and in
    a job's process each memory page that changes is copied.
    """
    if type(factory) is not type:
        return False
    return not any(name in vars(one) for one in factory.__mro__[:-1] for name in ("__init__", "__new__"))


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _needed(function: Any) -> set[str]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return set()
    return {name for name, one in parameters.items() if one.default is one.empty}
