"""YAML texts as JSON values of bounded size, whatever the text holds."""

import math
import re
from collections.abc import Hashable
from typing import Any, NoReturn

import yaml

from themis.core.configuration.value_bounds import MAX_DEPTH, check_size
from themis.core.errors import ConfigError
from themis.core.text.lines import one_line

MAX_MERGED_KEYS = 10_000

_MERGE = "tag:yaml.org,2002:merge"
_MAX_DIGITS = 4300  # Python refuses to read a number with more digits
_SHOWN = 40
_OPENERS = "[{-?"
_FEW_LEVELS = 5_000
_TOO_DEEP = "maximum nesting depth"

# The core schema of YAML 1.2.2, section 10.3.2: its form and first characters by tag. PyYAML itself follows YAML 1.1,
# where `no` is false, 010 is 8 and 12:30 is 750: in a file of questions and answers all three are wrong.
_NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
_NUMBER = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
_CORE_SCHEMA = {
    _NULL: (re.compile(r"(?:null|Null|NULL|~|)\Z"), ["~", "n", "N", ""]),
    _BOOL: (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    _INT: (re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"), list("-+0123456789")),
    _FLOAT: (re.compile(rf"(?:{_NUMBER}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"), list("-+.0123456789")),
}
_BASES = {"0o": 8, "0x": 16}

_BaseLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc, valid-type]  # which base exists depends on how PyYAML was built
    """Safe YAML 1.2 with JSON values; a form unknown to the core schema is a text, a repeated key an error."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._unfolded_keys: dict[yaml.Node, int] = {}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Copy in the keys that `<<` names, up to the limit of a file: their number multiplies with each level."""
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
        # Kept, as a flattened node no longer shows it: some versions of PyYAML merge the same key only once.
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
                    None, None, f"key {key_node.value!r} appears twice", key_node.start_mark
                )
            seen.add(key_node.value)
        result: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return result


def _scalar(loader: _Loader, node: yaml.ScalarNode) -> bool | float | None:
    """Return the value of a scalar of the core schema; its tag follows from its form or is written before it."""
    text: str = loader.construct_scalar(node)
    if not _CORE_SCHEMA[node.tag][0].match(text):
        kind = node.tag.rpartition(":")[2]
        _refuse_scalar(f"{one_line(text[:_SHOWN])!r} is not a YAML 1.2 {kind}", node)
    if node.tag == _NULL:
        return None
    if node.tag == _BOOL:
        return text.lower() == "true"
    if text[:2] in _BASES:
        return int(text[2:], _BASES[text[:2]])
    if len(text) > _MAX_DIGITS:
        _refuse_scalar(f"holds a number of {len(text):,} digits", node)
    if node.tag == _INT:
        return int(text)
    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if math.isinf(number) and "inf" not in text.lower():
        _refuse_scalar(f"{text[:_SHOWN]} is beyond the range of a 64-bit float", node)
    return number


def _refuse_scalar(problem: str, node: yaml.ScalarNode) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_implicit_resolver(_MERGE, re.compile(r"<<\Z"), ["<"])
for _tag, (_form, _firsts) in _CORE_SCHEMA.items():
    _Loader.add_implicit_resolver(_tag, _form, _firsts)
    _Loader.add_constructor(_tag, _scalar)


def parse_yaml(text: str, *, where: str) -> Any:
    """Return the JSON value of a YAML text.

    Raises:
        ConfigError: it is not YAML, or not a JSON value of reasonable size.
    """
    try:
        _check_nesting(text, where)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader, narrowed
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        problem = error.problem or "not valid YAML"
        if _TOO_DEEP in problem:  # PyYAML itself refuses this since 6.0.4
            problem = "nested too deeply"
        raise ConfigError(where=where, detail=f"{line}{problem}") from None
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(where=where, detail=f"not valid YAML: {one_line(str(error))}") from None
    except (KeyError, AttributeError, TypeError):
        # PyYAML raises these for a tag that does not fit its value, such as `!!bool perhaps`.
        raise ConfigError(where=where, detail="not valid YAML: a tag does not fit its value") from None
    except RecursionError:
        raise ConfigError(where=where, detail="nested too deeply") from None
    check_size(value, where=where)
    return value


def _check_nesting(text: str, where: str) -> None:
    """Refuse deep nesting: PyYAML reads it by recursion in C, without Python's limit, which can crash the process."""
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
