"""TOML texts as JSON values of bounded size."""

import tomllib
from datetime import date, datetime, time
from typing import Any

from themis.core.configuration.value_bounds import check_size
from themis.core.errors import ConfigError
from themis.core.text.lines import one_line


def parse_toml(text: str, *, where: str) -> Any:
    """Return the JSON value of a TOML text; a date becomes the text that it was written as.

    Raises:
        ConfigError: it is not TOML, or not a JSON value of reasonable size; or it holds a time of day, which would
            not keep its written form.
    """
    try:
        value = _dates_as_texts(tomllib.loads(text), (), where)
    except ConfigError:
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigError(where=where, detail=f"not valid TOML: {one_line(str(error))}") from None
    check_size(value, where=where)
    return value


def _dates_as_texts(value: Any, path: tuple[str | int, ...], where: str) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_texts(item, (*path, key), where) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_texts(item, (*path, number), where) for number, item in enumerate(value)]
    if isinstance(value, datetime | time):
        key = one_line(".".join(map(str, path)))
        raise ConfigError(where=where, detail=f"{key}: holds a time, which JSON does not have; write it in quotes")
    return value.isoformat() if isinstance(value, date) else value
