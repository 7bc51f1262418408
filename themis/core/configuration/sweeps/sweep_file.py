"""File of a sweep: a product of values, with rows that are added and rows that are left out.

group: pupils
rows:
  seeds: [[1], [2]]                       # a list: values of a key of the config file
  model:                                  # names of values: each says the keys that it sets
    small: {generation.generator.with.model_id: small-1}
    large: {generation.generator.with.model_id: large-1}
exclude: [{model: large, seeds: [2]}]
include: [{model: large, seeds: [3], name: the-last-one}]
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from themis.core.configuration.config_file import read_document
from themis.core.configuration.sweeps.sweep import (
    Axis,
    AxisValue,
    Sweep,
    axis_of,
    plain_value,
    product,
    refuse_too_many,
    row_of,
)
from themis.core.errors import ConfigError
from themis.core.text.nearest import nearest_hint
from themis.core.text.run_names import checked_labels

_KEYS = ("rows", "include", "exclude", "group")


def sweep_in(path: Path) -> Sweep:
    """Return the sweep in a YAML or TOML file.

    Raises:
        ConfigError: the file cannot be read, or is not a sweep; the message says which part and why.
    """
    document, where = read_document(path), str(path)
    for key in document:
        if key not in _KEYS:
            raise ConfigError(where=where, detail=f"unknown key {key!r}{nearest_hint(str(key), _KEYS)}")
    group = document.get("group")
    if group is not None and not isinstance(group, str):
        raise ConfigError(where=where, detail=f"group is a name, not {group!r}")
    axes = [_axis(str(key), values, f"{where}: rows") for key, values in _mapping(document, "rows", where).items()]
    combined = product(axes, f"{where}: rows") if axes else []
    for number, given in enumerate(_rows(document, "exclude", where)):
        place = f"{where}: exclude.{number}"
        left_out = _values(given, axes, place, must_be_axes=True)
        kept = [row for row in combined if not _has(row, left_out)]
        if len(kept) == len(combined):
            raise ConfigError(where=place, detail="leaves out no row; name an axis and one of its values")
        combined = kept
    more = [
        tuple(_values(given, axes, f"{where}: include.{number}", must_be_axes=False))
        for number, given in enumerate(_rows(document, "include", where))
    ]
    refuse_too_many(len(combined) + len(more), where)
    rows = tuple(row_of(values, where) for values in (*combined, *more))
    if not rows:
        raise ConfigError(where=where, detail="has no rows, so that there is nothing to submit")
    return Sweep(rows, group)


def _mapping(document: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found = document.get(key) or {}
    if not isinstance(found, Mapping):
        raise ConfigError(where=where, detail=f"{key} is a mapping of keys, each with its values")
    return found


def _rows(document: Mapping[str, Any], key: str, where: str) -> Sequence[Mapping[str, Any]]:
    found = document.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) and one for one in found):
        raise ConfigError(where=where, detail=f"{key} is a list of rows, each a mapping of keys with one value")
    return found


def _axis(name: str, values: Any, where: str) -> Axis:
    if not isinstance(values, Mapping):
        return axis_of(name, values, where)
    if not values:
        raise ConfigError(where=where, detail=f"{name} has no values, so that there is nothing to submit")
    found = []
    for value, keys in values.items():
        if not isinstance(keys, Mapping) or not keys:
            detail = f"{name}: {value} says the keys that it sets, as in {{generation.generator: …}}"
            raise ConfigError(where=where, detail=detail)
        try:
            checked_labels({name: str(value)})
        except ValueError as error:
            raise ConfigError(where=where, detail=f"{name}: {error}") from None
        label = (f"labels.{name}", str(value))
        found.append(AxisValue(str(value), str(value), (*((str(key), one) for key, one in keys.items()), label)))
    return Axis(name, tuple(found))


def _values(
    given: Mapping[str, Any], axes: Sequence[Axis], where: str, *, must_be_axes: bool
) -> list[tuple[Axis, AxisValue]]:
    """Return the values that a row names: of axes, or, unless they must be, of other keys of the config file."""
    by_name = {axis.name: axis for axis in axes}
    found = []
    for key, value in given.items():
        axis = by_name.get(str(key))
        if axis is None and must_be_axes:
            detail = f"{key} is not a key of rows{nearest_hint(str(key), list(by_name))}"
            raise ConfigError(where=where, detail=detail)
        one = plain_value(str(key), value) if axis is None else axis.find(value, where)
        found.append((axis or axis_of(str(key), [value], where), one))
    return found


def _has(row: Sequence[tuple[Axis, AxisValue]], values: Sequence[tuple[Axis, AxisValue]]) -> bool:
    chosen = {axis.name: one for axis, one in row}
    return all(chosen[axis.name] == one for axis, one in values)
