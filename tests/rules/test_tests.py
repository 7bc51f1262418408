"""A test is one that pytest finds, and it asserts something."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
FOUND = "test_*.py"
FAILS = frozenset({"raises", "warns", "fail"})
"""What of pytest fails a test, besides `assert`."""
THAT_NOTHING_IS_RAISED = frozenset(
    {
        "test_a_reference_may_stand_within_a_text",
        "test_the_lock_is_not_looked_at_where_it_decides_nothing",
        "test_a_worker_opens_what_was_put_in_the_place_of_a_store_and_sees_that_it_is_the_same",
        "test_what_proves_no_second_machine_refuses_nobody",
        "test_where_nobody_listens_nothing_happens",
    }
)
"""Tests of what raises when it finds something."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the tests.

    Attributes:
        place: where it stands.
        name: its name.
        is_found: whether pytest runs it as a test.
        asserts: whether it asserts something itself.
        calls: the names of what it calls.
    """

    place: str
    name: str
    is_found: bool
    asserts: bool
    calls: frozenset[str]

    @property
    def is_named_like_a_test(self) -> bool:
        return self.name.startswith("test_")


@cache
def functions() -> tuple[Function, ...]:
    """All functions in the folder of tests."""
    return tuple(function for path in sorted(TESTS.rglob("*.py")) for function in functions_of(path))


def functions_of(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {id(node) for node in found_among(tree.body)} if path.match(FOUND) else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = list(ast.walk(node))
            yield Function(
                f"{path.relative_to(TESTS)}:{node.lineno}",
                node.name,
                id(node) in found,
                any(isinstance(part, ast.Assert) for part in inside),
                frozenset(filter(None, map(called, inside))),
            )


def found_among(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The functions that pytest finds among some statements."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from found_among(node.body)


def called(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return None


def test_whatever_is_named_like_a_test_is_one_that_pytest_finds() -> None:
    assert [one.place for one in functions() if one.is_named_like_a_test and not one.is_found] == []


def test_each_test_asserts_something() -> None:
    """Itself, or by a function of the tests that it calls."""
    assertive = FAILS
    while assertive != (more := assertive | {one.name for one in functions() if one.asserts or one.calls & assertive}):
        assertive = more
    tests = [one for one in functions() if one.is_found]
    assert [one.place for one in tests if one.name not in assertive | THAT_NOTHING_IS_RAISED] == []
    assert sorted(THAT_NOTHING_IS_RAISED - {one.name for one in tests if one.name not in assertive}) == []
