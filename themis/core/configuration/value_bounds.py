"""Bounds of what a YAML or TOML text may hold: JSON values, nested within reason, of bounded number."""

from typing import Any

from themis.core.errors import ConfigError

MAX_NODES = 5_000_000
MAX_DEPTH = 100

_PLAIN = (str, int, float, bool, type(None))
_MAX_BITS = 4096  # Python refuses to write a whole number of more than 4300 digits


def check_size(value: Any, *, where: str) -> None:
    """Limit the size after aliases are expanded: they can make a short YAML text grow without end.

    Raises:
        ConfigError: the value is not a JSON value of reasonable size.
    """
    left = MAX_NODES
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        left -= 1
        if depth > MAX_DEPTH or left < 0:
            raise ConfigError(where=where, detail="nested too deeply" if left >= 0 else "unfolds to too many values")
        if isinstance(item, dict):
            for key in item:
                if not isinstance(key, str):
                    raise ConfigError(where=where, detail=f"key {key!r} is not a text; write it in quotes")
            stack.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list):
            stack.extend((child, depth + 1) for child in item)
        else:
            _check_plain(item, where)


def _check_plain(item: Any, where: str) -> None:
    if not isinstance(item, _PLAIN):
        raise ConfigError(where=where, detail=f"holds a {type(item).__name__}, which JSON does not have")
    if isinstance(item, int) and item.bit_length() > _MAX_BITS:
        raise ConfigError(where=where, detail=f"holds a number of {item.bit_length():,} bits")
