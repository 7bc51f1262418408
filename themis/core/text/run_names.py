"""Names and labels of runs, by which people find them; neither decides what a run is."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from themis.core.text.canonical import canonical_json

MOST_NAME = 200
"""Characters of a name."""

MOST_LABELS = 32
MOST_LABEL = 200
"""Labels of a run, and characters of a label's value."""

CONFIG_SUFFIXES = (".yaml", ".yml", ".toml")
"""Endings of config files; a name with one of them would be taken for a file."""

KINDS = ("run:", "job:", "name:", "group:")
"""Beginnings by which a command is told what kind of thing a text names."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NO_WORD = re.compile(r"[^\w.@=+-]+")
_MOST_WORD = 40
_SHOWN_DATASETS = 2


class Title(NamedTuple):
    """Name and labels that a run is to get; None for a name that is made, which then tells the `part` of the data."""

    name: str | None = None
    labels: Mapping[str, str] = MappingProxyType({})
    part: str | None = None


def checked_name(name: str) -> str:
    """Return a run's name unchanged.

    Raises:
        ValueError: a command could not tell it from something else; the message says why.
    """
    if not name or len(name) > MOST_NAME or not name.isprintable() or name != name.strip():
        detail = f"has 1 to {MOST_NAME} printable characters, without blanks around them"
    elif "/" in name:
        detail = "has no /, by which commands know a config file"
    elif name.endswith(CONFIG_SUFFIXES):
        detail = f"does not end in {', '.join(CONFIG_SUFFIXES)}, by which commands know a config file"
    elif name.startswith(KINDS):
        detail = f"does not begin with {', '.join(KINDS)}, by which commands are told what is named"
    else:
        return name
    msg = f"{name[:MOST_NAME]!r} cannot be the name of a run: a name {detail}"
    raise ValueError(msg)


def checked_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels unchanged.

    Raises:
        ValueError: there are too many, or one is not a label.
    """
    for key, value in labels.items():
        if not _LABEL.fullmatch(key):
            msg = f"{key!r} cannot be a label: its name has at most 64 letters, digits, _ and -, as in team=x"
            raise ValueError(msg)
        if not value or len(value) > MOST_LABEL or not value.isprintable():
            msg = f"label {key}: its value has 1 to {MOST_LABEL} printable characters"
            raise ValueError(msg)
    if len(labels) > MOST_LABELS:
        msg = f"{len(labels)} labels are more than {MOST_LABELS}"
        raise ValueError(msg)
    return dict(labels)


def labels_text(labels: Mapping[str, str]) -> str | None:
    """Return the text by which a store keeps labels; None for none."""
    return canonical_json(dict(labels)) if labels else None


def labels_in(text: str | None) -> dict[str, str]:
    """Return the labels in a store's text; none for one that cannot be read."""
    try:
        found: Any = {} if text is None else json.loads(text)
    except ValueError:
        found = {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def usual_name(model: str, datasets: tuple[str, ...]) -> str:
    """Return the name of a run that was given none: made of its model or generator, and its datasets.

    It needs no quotes in a shell, and is a valid name whatever the ids are.
    """
    shown = [word(dataset) for dataset in datasets[:_SHOWN_DATASETS]]
    if left := len(datasets) - len(shown):
        shown.append(f"{left}-more")
    found = f"{word(model)}-on-{'+'.join(shown)}" if shown else word(model)
    return f"{found}-" if found.endswith(CONFIG_SUFFIXES) else found


def word(text: str) -> str:
    """Return a part of a name that stands for an id: its last part, without what a shell or a command would read."""
    last = _NO_WORD.sub("-", text.rpartition("/")[2] or text).strip("-")
    return last[:_MOST_WORD] or "run"
