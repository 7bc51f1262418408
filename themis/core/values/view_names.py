"""Names of views, which begin the ids of their metrics."""

import re
from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def checked(views: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return `views` unchanged.

    Raises:
        ValueError: a name cannot be that of a view; shipped metrics have ids that begin with `builtin`.
    """
    for name in views:
        if not _NAME.fullmatch(name) or name == "builtin":
            msg = f"{name!r} cannot be a view: its name has at most 64 letters, digits and . _ -, and is not `builtin`"
            raise ValueError(msg)
    return views
