"""Sweep: rows of overrides, as the product of axes, and more of them or fewer."""

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from themis.core.errors import ConfigError
from themis.core.text.canonical import canonical_json, content_hash

MOST_ROWS = 10_000
"""Rows of a sweep, of all of its config files together."""

_SHOWN_CHARACTERS = 32
_HASH_DIGITS = 4
_NAME = "name"


@dataclass(frozen=True, slots=True)
class AxisValue:
    """Value of an axis.

    Attributes:
        name: by which a row is told from others.
        value: for a match of rows: the name of a value that has one, else the value itself.
        keys: keys of the config file that it sets, each with its value.
    """

    name: str
    value: Any
    keys: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """Values that are tried in one place.

    Attributes:
        name: key of the config file; for values with names, the name of the label that runs get.
        values: at least one.
    """

    name: str
    values: tuple[AxisValue, ...]

    def find(self, value: Any, where: str) -> AxisValue:
        """Return the value that a row of a file names.

        Raises:
            ConfigError: values have names, and none is this one.
        """
        found = next((one for one in self.values if _same(one.value, value)), None)
        if found is not None:
            return found
        if any(one.keys != ((self.name, one.value),) for one in self.values):
            known = ", ".join(one.name for one in self.values)
            raise ConfigError(where=where, detail=f"{self.name} has no value {value!r}; it has {known}")
        return plain_value(self.name, value)


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One configuration of a sweep.

    Attributes:
        name: `key=value` for each axis, or the name that was given to it.
        overrides: `key.path=value` texts, as `load_config` takes them.
    """

    name: str
    overrides: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the config file that it sets."""
        return tuple(text.partition("=")[0] for text in self.overrides)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Configurations that are made from one config file.

    Attributes:
        rows: at least one.
        group: name of the group that their runs get; None for that of the config file.
    """

    rows: tuple[SweepRow, ...]
    group: str | None = None


def plain_value(key: str, value: Any) -> AxisValue:
    """Return a value of a key of the config file."""
    return AxisValue(_shown(value), value, ((key, value),))


def axis_of(key: str, values: Any, where: str) -> Axis:
    """Return the axis of a key of the config file and a list of its values.

    Raises:
        ConfigError: there is no value, or `values` is not a list.
    """
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ConfigError(where=where, detail=f"{key}: give a list of values, not {_shown(values)}")
    if not values:
        raise ConfigError(where=where, detail=f"{key} has no values, so that there is nothing to submit")
    if not all(key.strip().split(".")) or "=" in key:
        raise ConfigError(where=where, detail=f"{key!r} is not a key of a config file, such as generation.generator")
    return Axis(key.strip(), tuple(plain_value(key.strip(), value) for value in values))


def product(axes: Sequence[Axis], where: str) -> list[tuple[tuple[Axis, AxisValue], ...]]:
    """Return every combination of the values of axes, the last one changing first.

    Raises:
        ConfigError: there are more than `MOST_ROWS`, or two axes set one key.
    """
    refuse_too_many(math.prod(len(axis.values) for axis in axes), where)
    owners: dict[str, str] = {}
    for axis in axes:
        for key in {key for one in axis.values for key, _ in one.keys}:
            if owners.setdefault(key, axis.name) != axis.name or [one.name for one in axes].count(axis.name) > 1:
                raise ConfigError(where=where, detail=f"{key} is set twice; give all of its values in one place")
    return list(itertools.product(*([(axis, one) for one in axis.values] for axis in axes)))


def refuse_too_many(rows: int, where: str) -> None:
    """Refuse a sweep of more than `MOST_ROWS`.

    Raises:
        ConfigError: there are more.
    """
    if rows > MOST_ROWS:
        raise ConfigError(where=where, detail=f"{rows:,} rows are more than {MOST_ROWS:,}; submit it in parts")


def row_of(values: Iterable[tuple[Axis, AxisValue]], where: str) -> SweepRow:
    """Return the row of one value of each axis; the value of the key `name`, if it is set, is its name.

    Raises:
        ConfigError: a value is not JSON.
    """
    chosen = list(values)
    keys = {key: value for _, one in chosen for key, value in one.keys}
    named = keys.get(_NAME)
    short = [axis.name.rpartition(".")[2] for axis, _ in chosen]
    words = [axis.name if short.count(last) > 1 else last for (axis, _), last in zip(chosen, short, strict=True)]
    made = ",".join(f"{word}={one.name}" for word, (_, one) in zip(words, chosen, strict=True))
    name = named if isinstance(named, str) and named else made
    return SweepRow(name, tuple(f"{key}={_text(key, value, where)}" for key, value in keys.items()))


def sweep_of(axes: Sequence[Axis], where: str) -> Sweep:
    """Return the sweep that is the product of axes; see `product` and `row_of`."""
    return Sweep(tuple(row_of(values, where) for values in product(axes, where)))


def sweep_of_mapping(rows: Mapping[str, Any], where: str = "sweep") -> Sweep:
    """Return the product of lists of values, by keys of the config file.

    Raises:
        ConfigError: there is no key, or a key has no list of values.
    """
    if not rows:
        raise ConfigError(where=where, detail="has no keys, so that there is nothing to submit")
    return sweep_of([axis_of(key, values, where) for key, values in rows.items()], where)


def _text(key: str, value: Any, where: str) -> str:
    """Return a value as JSON, which is YAML too; not as ASCII, as YAML has no pairs of surrogates."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(where=where, detail=f"{key}: a value is not JSON: {error}") from None


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: True is not 1."""
    try:
        return canonical_json(one) == canonical_json(other)
    except (TypeError, ValueError):
        return False


def _shown(value: Any) -> str:
    """Return a value as a part of a row's name: whole when it is short, else with a few digits of its hash."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = " ".join(text.split())
    if 0 < len(line) <= _SHOWN_CHARACTERS and line.isprintable():
        return line
    try:
        digits = content_hash(value)[:_HASH_DIGITS]
    except (TypeError, ValueError):
        digits = "?"
    return f"{line[: _SHOWN_CHARACTERS // 2].strip()}…{digits}"
