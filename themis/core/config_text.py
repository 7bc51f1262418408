"""A YAML or TOML text as a JSON value of reasonable size, whatever somebody wrote into it."""

import tomllib
from collections.abc import Hashable
from datetime import date, datetime, time
from typing import Any

import yaml

from themis.core.errors import ConfigError
from themis.core.lines import one_line

MAX_NODES = 5_000_000
MAX_DEPTH = 100
MAX_MERGED_KEYS = 10_000

_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = (str, int, float, bool, type(None))
_MAX_BITS = 4096  # Python refuses to write a whole number of more than 4300 digits
_OPENERS = "[{-?"
_FEW_LEVELS = 5_000
_TOO_DEEP = "maximum nesting depth"

_BaseLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc, valid-type]  # which base exists depends on how PyYAML was built
    """Safe YAML whose values are JSON: dates stay texts, and a key given twice is an error."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._unfolded_keys: dict[yaml.Node, int] = {}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Copy in what `<<` names, as long as that is not more than a file can hold: it multiplies with each level."""
        size = len(node.value)
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for other in merged:
                    if isinstance(other, yaml.MappingNode):
                        self.flatten_mapping(other)
                        size += self._unfolded_keys[other]
        if size > MAX_MERGED_KEYS:
            raise yaml.constructor.ConstructorError(None, None, "unfolds to too many keys", node.start_mark)
        # Kept, as a flattened node no longer tells: some versions of PyYAML merge the same key once only.
        self._unfolded_keys[node] = max(size, self._unfolded_keys.get(node, 0))
        super().flatten_mapping(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key_node.value!r} stands twice", key_node.start_mark
                )
            seen.add(key_node.value)
        result: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return result


def parse_yaml(text: str, *, where: str) -> Any:
    """The JSON value that a YAML text writes.

    Raises:
        ConfigError: it is not YAML, or not a JSON value of reasonable size.
    """
    try:
        _check_nesting(text, where)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader, narrowed
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        problem = error.problem or "not valid YAML"
        if _TOO_DEEP in problem:  # what PyYAML itself refuses since 6.0.4
            problem = "nested too deeply"
        raise ConfigError(where=where, detail=f"{line}{problem}") from None
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(where=where, detail=f"not valid YAML: {one_line(str(error))}") from None
    except (KeyError, AttributeError, TypeError):
        # What PyYAML raises for a tag that does not fit its value, such as `!!bool perhaps`.
        raise ConfigError(where=where, detail="not valid YAML: a tag does not fit its value") from None
    except RecursionError:
        raise ConfigError(where=where, detail="nested too deeply") from None
    _check_size(value, where)
    return value


def parse_toml(text: str, *, where: str) -> Any:
    """The JSON value that a TOML text writes; dates become texts.

    Raises:
        ConfigError: it is not TOML, or not a JSON value of reasonable size.
    """
    try:
        value = tomllib.loads(text)
        value = _dates_as_texts(value)
    except (ValueError, RecursionError) as error:
        raise ConfigError(where=where, detail=f"not valid TOML: {one_line(str(error))}") from None
    _check_size(value, where)
    return value


def _dates_as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_texts(item) for item in value]
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def _check_nesting(text: str, where: str) -> None:
    """PyYAML reads nested values by recursion in C, which no Python limit guards: very deep ones end the process."""
    if sum(text.count(opener) for opener in _OPENERS) < _FEW_LEVELS:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ConfigError(where=where, detail="nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_size(value: Any, where: str) -> None:
    """Aliases can make a short YAML text unfold without end: bound what it unfolds to."""
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
