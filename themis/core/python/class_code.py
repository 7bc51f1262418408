"""Hash of a class's methods, for a class that no file defines, such as one from a notebook."""

from collections.abc import Iterator
from types import CodeType
from typing import Any

from themis.core.text.canonical import content_hash

_PLAIN = (str, int, float, bool, bytes, type(None))


def class_code(kind: type) -> str:
    """Return the SHA-256, as 64 hex digits, over the byte code of a class's methods, and its plain attributes.

    Code that the methods call elsewhere does not count. Another version of Python compiles to other byte code.
    """
    members = sorted(vars(kind).items())
    # Python's own attributes tell where the class is defined, which is not part of what it does.
    plain = [[name, repr(value)] for name, value in members if isinstance(value, _PLAIN) and not name.startswith("__")]
    return content_hash([plain, [[name, code] for name, member in members for code in _codes(member)]])


def _codes(member: Any) -> Iterator[Any]:
    for function in (member.fget, member.fset) if isinstance(member, property) else (member,):
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if isinstance(code, CodeType):
            yield _of_code(code)


def _of_code(code: CodeType) -> list[Any]:
    constants = [_of_code(value) if isinstance(value, CodeType) else _of_constant(value) for value in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]


def _of_constant(value: Any) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
