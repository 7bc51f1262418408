"""Axis of a sweep in a text such as `generation.generator=a,b`: a key, and the items of a YAML list."""

import re
from typing import Any

from themis.core.configuration.sweeps.sweep import Axis, axis_of
from themis.core.configuration.yaml_text import parse_yaml
from themis.core.errors import ConfigError

_LINE = re.compile(r"^line \d+: ")


def axis_in(text: str) -> Axis:
    """Return the axis in `key.path=values`; the values are the items of a YAML list, with or without its brackets.

    `seeds=[1],[2]` and `seeds=[[1],[2]]` are the same; a text that is a list as a whole is that list.

    Raises:
        ConfigError: it has no key or no value, or the values are not YAML.
    """
    where = f"--sweep {text}"
    key, equals, values = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(where=where, detail=f"has no {'key' if equals else '='}; write it as key.path=a,b")
    if not values.strip():
        raise ConfigError(where=where, detail="has no values, so that there is nothing to submit")
    return axis_of(key, _items(values, where), where)


def _items(values: str, where: str) -> list[Any]:
    try:
        whole = parse_yaml(values, where=where) if values.lstrip().startswith("[") else None
    except ConfigError:
        whole = None  # several lists, side by side
    if isinstance(whole, list):
        return whole
    try:
        found = parse_yaml(f"[{values}]", where=where)
    except ConfigError as error:
        problem = _LINE.sub("", str(error.facts["detail"]))
        raise ConfigError(where=where, detail=f"its values are not YAML: {problem}") from None
    return found if isinstance(found, list) else [found]
