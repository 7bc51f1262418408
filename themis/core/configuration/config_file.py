"""Configuration read from a YAML or TOML file with command-line overrides, checked, with absolute paths."""

import os
import re
from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from themis.core.config import DatasetFile, DatasetOnHub, ExperimentConfig
from themis.core.configuration.benchmarks import with_benchmarks
from themis.core.configuration.default_paths import (
    DEFAULT_BATCH_ROOT,
    DEFAULT_QUEUE_ROOT,
    DEFAULT_STORE_KIND,
    STORE_DEFAULTS,
    is_in_store,
)
from themis.core.configuration.misplaced_keys import misplaced_hint
from themis.core.configuration.secrets import refuse_literal_secrets
from themis.core.dataset_config import DatasetGiven
from themis.core.errors import ConfigError, OverrideError, UnknownConfigKeyError
from themis.core.prompt_config import PromptConfig
from themis.core.text.nearest import nearest_hint
from themis.core.text.pydantic_errors import UNKNOWN_KEY, problems, words

Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 64 * 1024 * 1024

_SUFFIXES = (".yaml", ".yml", ".toml")
_MAX_INDEX_DIGITS = 9
_SHOWN_CHARACTERS = 80
_LINE = re.compile(r"^line \d+: ")


def load_config(path: str | Path, *, overrides: Iterable[str] | None = None) -> ExperimentConfig:
    """Return the configuration in a file after `overrides`, with every relative path made absolute.

    Args:
        path: a `.yaml`, `.yml` or `.toml` file.
        overrides: `key.path=value` texts; a value is read as YAML, a number in a path addresses an item of a list.

    Raises:
        ConfigError: the file cannot be read, or is not a valid configuration.
        OverrideError: an override does not fit into it.
    """
    file = Path(path)
    raw = read_document(file)
    raw.setdefault("storage", {"store": DEFAULT_STORE_KIND})
    overridden(raw, overrides or ())
    refuse_literal_secrets({**raw, "datasets": _without_cases(raw.get("datasets"))}, where=str(file))
    config = validate(ExperimentConfig, with_benchmarks(raw, where=str(file)), where=str(file))
    return _with_absolute_paths(config, file.absolute().parent)


def overridden(raw: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Apply `key.path=value` texts to a document, and return it; see `load_config`.

    Raises:
        OverrideError: one does not fit into it.
    """
    for override in overrides:
        _apply_override(raw, override)
    return raw


def validate(model: type[Model], raw: Any, *, where: str) -> Model:
    """Return `raw` as a `model`, or raise ConfigError: its first problem in one line that names the key."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _first_problem(model, error, where) from None


def _without_cases(datasets: Any) -> list[Any]:
    """Return the datasets without their cases, which are data and may look like a secret."""
    specs = datasets if isinstance(datasets, list) else []
    return [{k: v for k, v in spec.items() if k != "cases"} if isinstance(spec, dict) else None for spec in specs]


def read_document(file: Path) -> dict[str, Any]:
    """Return the mapping in a YAML or TOML file.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    where = str(file)
    if file.suffix not in _SUFFIXES:
        detail = "is a folder, not a config file" if file.is_dir() else "a config file ends in .yaml, .yml or .toml"
        raise ConfigError(where=where, detail=f"{detail}{_with_a_suffix(file)}")
    try:
        if file.is_dir():
            raise ConfigError(where=where, detail=f"is a folder, not a config file{_with_a_suffix(file)}")
        if not file.is_file() and file.exists():
            raise ConfigError(where=where, detail="is not a regular file")
        if (size := file.stat().st_size) > MAX_BYTES:
            raise ConfigError(
                where=where, detail=f"is {size:,} bytes long; put the cases in a JSONL file and name it by `path:`"
            )
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(where=where, detail=f"is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ConfigError(where=where, detail=f"cannot be read: {error.strerror}") from None
    value = _parsed(text, where, is_toml=file.suffix == ".toml")
    if value is None:
        raise ConfigError(where=where, detail="is empty")
    if not isinstance(value, dict):
        raise ConfigError(where=where, detail=f"must be a mapping of keys, not a {type(value).__name__}")
    return value


def _parsed(text: str, where: str, *, is_toml: bool) -> Any:
    # Imported when used: a process that reads no config file, such as a worker, needs neither.
    if is_toml:
        from themis.core.configuration.toml_text import parse_toml  # noqa: PLC0415

        return parse_toml(text, where=where)
    from themis.core.configuration.yaml_text import parse_yaml  # noqa: PLC0415

    return parse_yaml(text, where=where)


def _with_a_suffix(file: Path) -> str:
    """Return the hint at the config file of this name, or in this folder, if there is one."""
    inside = [found for found in sorted(file.glob("*")) if found.suffix in _SUFFIXES] if file.is_dir() else []
    beside = [file.with_name(f"{file.name}{suffix}") for suffix in _SUFFIXES] if file.name else []
    near = [found for found in beside if found.is_file()] or (inside if len(inside) == 1 else [])
    return f'; did you mean "{near[0]}"?' if near else ""


def _apply_override(raw: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        detail = f"has no {'key' if equals else '='}; write it as key.path=value"
        raise OverrideError(override=override, detail=detail)
    value = _value_in(text, override)
    place: Any = raw
    for number, key in enumerate(keys[:-1]):
        if isinstance(place, dict) and place.get(key) is None:
            place[key] = {}
        # Copied on the way: with aliases, another key may hold the very same value.
        below = copy(_item(place, keys, number, override))
        _set(place, key, below)
        place = below
    if not isinstance(place, dict):
        _item(place, keys, len(keys) - 1, override)
    _set(place, keys[-1], value)


def _set(place: Any, key: str, value: Any) -> None:
    place[key if isinstance(place, dict) else int(key)] = value


def _value_in(text: str, override: str) -> Any:
    try:
        return _parsed(text, "", is_toml=False)
    except ConfigError as error:
        problem = _LINE.sub("", str(error.facts["detail"]))  # which line of one line says nothing
        raise OverrideError(override=override, detail=f"its value is not YAML: {problem}") from None


def _item(place: Any, keys: list[str], number: int, override: str) -> Any:
    """Return what `keys[number]` names in the value that the keys before it lead to."""
    key, above = keys[number], ".".join(keys[:number])
    if isinstance(place, dict):
        return place[key]
    if not isinstance(place, list):
        raise OverrideError(override=override, detail=_no_keys_below(above, place, keys[number:]))
    if not key.isdecimal() or len(key) > _MAX_INDEX_DIGITS or int(key) >= len(place):
        raise OverrideError(override=override, detail=f"{above} {_items(place)}, and none {key!r}")
    return place[int(key)]


def _items(place: list[Any]) -> str:
    if not place:
        return "is an empty list"
    return "has 1 item, 0" if len(place) == 1 else f"has {len(place)} items, 0 to {len(place) - 1}"


def _no_keys_below(above: str, place: Any, below: list[str]) -> str:
    """Return the fault of an override below a value that has no keys, with the longer form of a component."""
    value = str(place)
    if not isinstance(place, str) or len(value) > _SHOWN_CHARACTERS:
        return f"{above} is a plain value, which has no keys"
    if below[0] not in {"use", "with"}:
        return f"{above} is {value!r}, which has no keys"
    arguments = f"{below[1]}: …" if below[1:] else "…"
    return f"{above} is a plain id; write it as {above}={{use: {value}, with: {{{arguments}}}}}"


def _first_problem(model: type[BaseModel], error: ValidationError, where: str) -> ConfigError:
    problem, *others = problems(error)
    path = _path_in_file(problem["loc"])
    if problem["type"] == UNKNOWN_KEY:
        known = _known_keys(model, path[:-1])
        dotted = ".".join(map(str, path))
        return UnknownConfigKeyError(
            where=where, key=dotted, nearest=misplaced_hint(path) or nearest_hint(str(path[-1]), known)
        )
    more = f" (and {len(others)} more)" if others else ""
    return ConfigError(where=where, detail=f"{words(problem, path)}{more}")


def _path_in_file(location: tuple[int | str, ...]) -> list[int | str]:
    """Return the path of a problem without pydantic's tags for the kind of a dataset, and for that of a field."""
    match location:
        case ("datasets", int(index), _, *rest):
            location = ("datasets", index, *rest)
    return [part for part in location if not str(part).startswith("<")]


def _known_keys(model: type[BaseModel], path: list[int | str]) -> list[str]:
    """Return the keys that the mapping at `path` may hold."""
    schema = model.model_json_schema()
    nodes = [schema]
    for part in path:
        nodes = [child for node in _resolved(nodes, schema) for child in _children(node, part)]
    return [key for node in _resolved(nodes, schema) for key in node.get("properties", {})]


def _children(node: Mapping[str, Any], part: int | str) -> list[dict[str, Any]]:
    if isinstance(part, int):
        return [node["items"]] if "items" in node else []
    child = node.get("properties", {}).get(part)
    return [child] if child else []


def _resolved(nodes: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for node in nodes:
        if "$ref" in node:
            found += _resolved([schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]], schema)
        elif options := node.get("anyOf") or node.get("oneOf"):
            found += _resolved(options, schema)
        else:
            found.append(node)
    return found


def _with_absolute_paths(config: ExperimentConfig, folder: Path) -> ExperimentConfig:
    parameters = {**STORE_DEFAULTS.get(config.storage.store, {}), **config.storage.parameters}
    for key in ("path", "root", "blob_root"):
        if isinstance(parameters.get(key), str):
            parameters[key] = _absolute(folder, str(parameters[key]))
    roots = {
        "queue_root": _queue_root(folder, config.runtime.queue_root),
        "batch_root": _absolute(folder, config.runtime.batch_root or DEFAULT_BATCH_ROOT),
    }
    datasets = [_with_absolute_place(dataset, folder) for dataset in config.datasets]
    generation = config.generation
    if generation.prompt is not None:
        prompt = _with_absolute_files(generation.prompt, folder)
        generation = generation.model_copy(update={"prompt": prompt})
    return config.model_copy(
        update={
            "generation": generation,
            "storage": config.storage.model_copy(update={"parameters": parameters}),
            "runtime": config.runtime.model_copy(update=roots),
            "datasets": datasets,
        }
    )


def _queue_root(folder: Path, given: str | None) -> str:
    """Return a queue's folder as an absolute path; a store that has a queue's rows stays as it is named."""
    if given is not None and is_in_store(given):
        return given
    return _absolute(folder, given or DEFAULT_QUEUE_ROOT)


def _with_absolute_place(dataset: DatasetGiven, folder: Path) -> DatasetGiven:
    if isinstance(dataset, DatasetFile):
        return dataset.model_copy(update={"path": _absolute(folder, dataset.path)})
    if isinstance(dataset, DatasetOnHub) and dataset.huggingface.is_folder:
        split = dataset.huggingface.model_copy(update={"name": _absolute(folder, dataset.huggingface.name)})
        return dataset.model_copy(update={"huggingface": split})
    return dataset


def _with_absolute_files(prompt: PromptConfig, folder: Path) -> PromptConfig:
    found: dict[str, Any] = {}
    if prompt.few_shot is not None and prompt.few_shot.path is not None:
        path = _absolute(folder, prompt.few_shot.path)
        found["few_shot"] = prompt.few_shot.model_copy(update={"path": path})
    if prompt.chat_template is not None and prompt.chat_template.is_file:
        path = _absolute(folder, prompt.chat_template.use)
        found["chat_template"] = prompt.chat_template.model_copy(update={"use": path})
    return prompt.model_copy(update=found)


def _absolute(folder: Path, path: str) -> str:
    """Return `path` relative to `folder`; a leading `~` is a user's home, as in a shell."""
    return str(folder / os.path.expanduser(path))  # noqa: PTH111  # an unknown user's is left as it is, not an error
