"""The shape of the source: small files in small folders, short functions, one direction, and contracts that say so."""

import ast
import tomllib
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import grimp
import pytest

TOP = Path(__file__).parents[2]
LINTED = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
EVERY_FILE = sorted(path for name in ("themis", "workers") for path in (TOP / name).rglob("*") if path.is_file())
FILES = [path for path in EVERY_FILE if path.suffix == ".py"]

MOST_FILES = 20
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 50

BY_THEIR_NATURE = {"protected", "acyclic_siblings"}
"""Contracts that hold for modules which nobody has listed."""


def test_no_folder_holds_more_files_than_can_be_seen_at_once() -> None:
    counts = Counter(path.parent for path in EVERY_FILE if path.parent.name != "__pycache__")
    assert counts
    assert {str(folder.relative_to(TOP)): n for folder, n in counts.items() if n > MOST_FILES} == {}


def test_no_file_is_long() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {str(path.relative_to(TOP)): n for path, n in lines.items() if n > MOST_LINES} == {}


def test_no_function_is_long() -> None:
    """Its docstring, which users read, is not counted."""
    lines = {
        f"{path.relative_to(TOP)}:{node.lineno} {node.name}": length(node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {place: n for place, n in lines.items() if n > MOST_LINES_OF_A_FUNCTION} == {}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first, *rest = function.body
    end = function.end_lineno or function.lineno
    has_docstring = bool(rest) and ast.get_docstring(function, clean=False) is not None
    return end - function.lineno + 1 - (rest[0].lineno - first.lineno if has_docstring else 0)


def test_no_module_knows_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*LINTED["root_packages"], cache_dir=None)
    known = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(known) == len(FILES)
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def contracts() -> list[dict[str, Any]]:
    return list(LINTED["contracts"])


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract["name"])
def test_a_contract_holds_for_modules_that_nobody_has_listed(contract: dict[str, Any]) -> None:
    if contract["type"] == "layers":
        assert contract.get("containers")
        assert contract.get("exhaustive") is True
        assert "exhaustive_ignores" not in contract
    else:
        assert contract["type"] in BY_THEIR_NATURE
    assert not contract.get("ignore_imports")
    assert contract.get("unmatched_ignore_imports_alerting", "error") == "error"


def test_circles_are_forbidden_in_all_packages_at_every_depth() -> None:
    (contract,) = (contract for contract in contracts() if contract["type"] == "acyclic_siblings")
    assert contract["ancestors"] == LINTED["root_packages"]
    assert "depth" not in contract
