"""Lines of a config file: where a key is written, for messages that ask to change it."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

_TABLE = re.compile(r"\s*\[+\s*([^\[\]]+?)\s*\]+\s*(?:#.*)?")
_ASSIGNMENT = re.compile(r"""\s*([\w."'-]+(?:\s*\.\s*[\w."'-]+)*)\s*=(.*)""")


def line_of(path: str | Path, key: str) -> int | None:
    """Return the line, from 1, that a dotted key is written on; None when the file does not hold it.

    Args:
        path: a `.yaml`, `.yml` or `.toml` file that was read before.
        key: such as `generation.generator.with.params.temperature`; a number picks an item of a list.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    keys = key.split(".")
    return _line_in_toml(text, keys) if file.suffix == ".toml" else _line_in_yaml(text, keys)


def _line_in_yaml(text: str, keys: Sequence[str]) -> int | None:
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
    line = None
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == key), None)
            if found is None:
                return None
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
        else:
            return None
    return line


def _line_in_toml(text: str, keys: Sequence[str]) -> int | None:
    """Return the line of a key below its table's header, or within an inline table."""
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.fullmatch(line):
            table = _parts(header[1])
        elif assignment := _ASSIGNMENT.match(line):
            here = [*table, *_parts(assignment[1])]
            if here == list(keys):
                return number
            last = re.search(rf"""[{{,]\s*["']?{re.escape(keys[-1])}["']?\s*=""", assignment[2])
            if last and list(keys[: len(here)]) == here:
                return number
    return None


def _parts(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in name.split(".")]
