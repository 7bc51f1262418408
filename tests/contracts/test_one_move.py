"""A job's row is changed in one place: every change of state is the one move."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORES = "stores"


def _changes(source: str) -> list[int]:
    """The lines on which something's `change` is asked for by name, whether it is called there or handed on."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr == "change")
        or (isinstance(node, ast.Attribute) and node.attr == "settle" and ast.unparse(node) == "rows.settle")
        or (isinstance(node, ast.Constant) and node.value == "change")
    ]


def _sources() -> dict[str, str]:
    """The text of every module, but for those of the stores, which implement the change, by path."""
    paths = [path for package in ("themis", "workers") for path in (ROOT / package).rglob("*.py")]
    return {str(path): path.read_text() for path in paths if STORES not in path.relative_to(ROOT).parts[:-1]}


def test_only_the_move_changes_a_row() -> None:
    ways = (".change", '"change"', "rows.settle")  # as the formatter writes them: to parse all texts takes long
    sources = {path: text for path, text in _sources().items() if any(way in text for way in ways)}
    found = {path: lines for path, source in sources.items() if (lines := _changes(source))}
    assert {Path(path).name for path in found} == {"moves.py"}, found


def test_the_move_of_each_kind_of_queue_changes_it_in_one_function() -> None:
    sources = {Path(path).parent.name: text for path, text in _sources().items() if Path(path).name == "moves.py"}
    functions = [(room, node) for room, text in sources.items() for node in ast.parse(text).body]
    found: dict[str, list[str]] = {}
    for room, node in functions:
        if isinstance(node, ast.FunctionDef) and _changes(ast.unparse(node)):
            found.setdefault(room, []).append(node.name)
    assert found == {"transitions": ["_decide"], "rows": ["make"]}


@pytest.mark.parametrize(
    "source", ["store.change(key, 1, decide)", "change = self._store.change", "getattr(store, 'change')(key)"]
)
def test_a_change_made_elsewhere_would_be_noticed(source: str) -> None:
    assert _changes(source) == [1]
