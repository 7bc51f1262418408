"""Manifests of which one value was made something that nobody expects there."""

import json
from collections.abc import Iterator
from typing import Any

RAW = {
    "@huge": "1" + "0" * 400,
    "@endless": "9" * 5_000,
    "@infinite": "1e999",
    "@minus infinite": "-1e999",
    "@nan": "NaN",
    "@deep": "[" * 25 + "]" * 25,
    "@too deep": "[" * 60 + "]" * 60,
    "@half a character": '"\\ud800"',
    "@nul": '"a\\u0000b"',
    "@escape": '"\\u001b[2J"',
}
"""What JSON text a value becomes that Python would not write so."""

VALUES: tuple[Any, ...] = (
    *RAW,
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**64), 0.5, -0.0, 1e10, 1e308),
    *("", "x", "x" * 5_000, "é" * 20_000, "../../etc/passwd", "{}", [], {}, [[]], [None], [{}], {"": None}),
)


def hostile(document: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Each manifest that differs from a good one in one value, with what was done to it; also one without the value."""
    for path in _paths(document):
        for value in VALUES:
            yield f"{'.'.join(path)} = {str(value)[:30]!r}", _bytes(_with(document, path, value))
        yield f"{'.'.join(path)} is missing", _bytes(_with(document, path, ...))


def _paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield (*path, name)
            yield from _paths(below, (*path, name))


def _with(document: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = path
    changed = dict(document)
    if rest:
        changed[first] = _with(document[first], tuple(rest), value)
    elif value is ...:
        del changed[first]
    else:
        changed[first] = value
    return changed


def _bytes(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False)
    for word, raw in RAW.items():
        text = text.replace(json.dumps(word), raw)
    return text.encode()
