"""Values of a row of a data set: labels as their texts, images and sounds by the hashes of their content."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from themis.core.datasets.formats.arrow_values import json_of
from themis.core.datasets.hub.opened_split import OpenedSplit
from themis.core.datasets.strict_json import parse_strictly
from themis.core.media.media_folder import MAX_BYTES, keep

Convert = Callable[[Any], Any]


def converter_of(feature: Any, opened: OpenedSplit) -> Convert:
    """Return what makes a JSON value of a value of a column, by the column's kind.

    It raises ValueError for a value that it cannot make one of.
    """
    if isinstance(feature, dict):
        return _of_struct({name: converter_of(inner, opened) for name, inner in feature.items()})
    if isinstance(feature, list):
        return _of_list(converter_of(feature[0], opened))
    kind = type(feature).__name__
    if kind == "ClassLabel":
        return _of_label(feature)
    if kind == "Json":
        return _of_json
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return _of_list(converter_of(inner, opened))
    return _of_media(opened) if _is_media(feature) else json_of


def _is_media(feature: Any) -> bool:
    """Whether a column holds files: each its bytes, its path, or both."""
    fields = getattr(feature, "pa_type", None)
    names = {fields.field(no).name for no in range(fields.num_fields)} if fields is not None else set()
    return names == {"bytes", "path"}


def _of_struct(converters: dict[str, Convert]) -> Convert:
    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            return json_of(value)
        return {name: converters.get(name, json_of)(item) for name, item in value.items()}

    return convert


def _of_list(convert: Convert) -> Convert:
    def converted(value: Any) -> Any:
        if isinstance(value, dict):  # what older releases store for a list of structs
            return {name: [convert({name: item})[name] for item in items] for name, items in value.items()}
        return [convert(item) for item in value] if isinstance(value, list) else json_of(value)

    return converted


def _of_label(feature: Any) -> Convert:
    names = list(feature.names)

    def convert(value: Any) -> Any:
        if value is None or value == -1:  # how a split without labels has them
            return None
        if not isinstance(value, int) or not 0 <= value < len(names):
            _refuse(f"label {str(value)[:80]} is not one of the {len(names)} of its column")
        return names[value]

    return convert


def _of_json(value: Any) -> Any:
    return parse_strictly(value.encode()) if isinstance(value, str) else json_of(value)


def _of_media(opened: OpenedSplit) -> Convert:
    def convert(value: Any) -> Any:
        if value is None:
            return None
        data, path = value["bytes"], value["path"]
        if data is None and path is None:
            return None
        return keep(_read(path, opened) if data is None else data)

    return convert


def _read(path: str, opened: OpenedSplit) -> bytes:
    """Return the content of a file that a row names: only one that belongs to the data set itself."""
    if "://" in path:
        if opened.address is None or not path.rpartition("::")[-1].startswith(opened.address) or ".." in path:
            _refuse(f"the file {path[:200]!r} does not belong to the data set, and is not read")
        with importlib.import_module("datasets.utils.file_utils").xopen(path, "rb") as remote:
            return bytes(remote.read(MAX_BYTES + 1))
    file = Path(path).resolve()
    if not any(file.is_relative_to(folder.resolve()) for folder in opened.folders):
        _refuse(f"the file {path[:200]!r} does not belong to the data set, and is not read")
    with file.open("rb") as local:
        return local.read(MAX_BYTES + 1)


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)
