"""The changes that are tried: each is one line, one thing, and a fault that somebody could have written."""

import ast
import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_OPPOSITE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_OTHER_OPERATOR: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+"}
_OTHER_END = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SQL_WORDS = ("SELECT ", "UPDATE ", "INSERT ", "DELETE ", "PRAGMA ")
_OTHER_SQL = (
    (" AND ", " OR "),
    (" >= ", " > "),
    (" <= ", " < "),
    (" < ", " <= "),
    (" > ", " >= "),
    (" DESC", ""),
    ("MAX(", "MIN("),
    ("max(", "min("),
    (" OR REPLACE", " OR IGNORE"),
    (" + 1", ""),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file with one thing changed.

    Attributes:
        path: of the file, from the repository's root.
        line: where the change begins, from 1.
        last_line: of what it changes: of the whole function, if that is what an argument is when nobody says.
        before: the changed lines as they were, in one, without their indentation.
        after: the same as they are.
        text: the whole file, changed.
    """

    path: str
    line: int
    last_line: int
    before: str
    after: str
    text: str

    @property
    def key(self) -> str:
        """The same as long as the changed lines are, wherever they move in the file."""
        return hashlib.sha256(f"{self.path}\n{self.before}\n{self.after}".encode()).hexdigest()


def mutants_of(root: Path, path: str, *, only: Container[tuple[str, str]] | None = None) -> list[Mutant]:
    """Every change of a file that is still Python.

    Args:
        root: of the repository.
        path: of the file, from there.
        only: the changes that are asked for, each by its lines before and after; None for all.
    """
    text = (root / path).read_text(encoding="utf-8")
    source, tree = _Source(path, text, only), ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found: dict[tuple[int, str], Mutant] = {}
    for node, replacement in _changes(tree, source):
        mutant = source.changed(node, replacement)
        if mutant is not None:
            ends = [_last_line(f) for f in functions if f.lineno <= mutant.line < f.body[0].lineno]
            mutant = replace(mutant, last_line=max([mutant.last_line, *ends]))
            found.setdefault((mutant.line, mutant.after), mutant)
    return list(found.values())


class _Source:
    """A file's text by the places that its syntax tree names, which count bytes."""

    def __init__(self, path: str, text: str, only: Container[tuple[str, str]] | None) -> None:
        self._path = path
        self._only = only
        self._data = text.encode()
        self._starts = [0]
        for line in self._data.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def of(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        begin, end = self._span(node)
        return self._data[begin:end].decode()

    def changed(self, node: ast.expr | ast.stmt, replacement: str) -> Mutant | None:
        """The file with a node replaced; None when that is not a Python, or the same, or not asked for."""
        begin, end = self._span(node)
        data = self._data[:begin] + replacement.encode() + self._data[end:]
        first, last = self._starts[node.lineno - 1], self._starts[_last_line(node)] - 1
        before = _one_line(self._data[first:last])
        after = _one_line(data[first : last + len(data) - len(self._data)])
        if before == after or not (self._only is None or (before, after) in self._only):
            return None
        text = data.decode()
        try:
            compile(text, self._path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None
        return Mutant(self._path, node.lineno, _last_line(node), before, after, text)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[_last_line(node) - 1] + node.end_col_offset


def _last_line(node: ast.expr | ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno


def _one_line(data: bytes) -> str:
    return " ".join(line.strip() for line in data.decode().splitlines())


Change = tuple[ast.expr | ast.stmt, str]
"""A node, and what stands in its place."""


def _changes(tree: ast.Module, source: _Source) -> Iterator[Change]:
    for node in _code(tree):
        if isinstance(node, ast.stmt):
            yield from _of_statement(node, source)
        elif isinstance(node, ast.expr):
            yield from _of_expression(node, source)
        elif isinstance(node, ast.ExceptHandler) and not isinstance(node.body[0], ast.Pass) and len(node.body) == 1:
            yield node.body[0], "pass"


def _code(node: ast.AST, *, inside: bool = False) -> Iterator[ast.AST]:
    """What runs when a function is called, and the statements of SQL beside them; no annotations, no docstrings."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "bases"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            # A part of an f-string has no place of its own before Python 3.12.
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            within = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if within or _is_sql(child):
                yield child
            yield from _code(child, inside=within)


def _of_statement(node: ast.stmt, source: _Source) -> Iterator[Change]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield node, "pass"
        case ast.AugAssign():
            yield node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield node, "pass"
        case ast.Raise() | ast.Delete():
            yield node, "pass"
        # That False is returned as None, nobody could tell; that it is True is another change.
        case ast.Return(value=ast.expr() as value) if not _is_one_of(value, (None, False, True)):
            yield node, "return None"
        case ast.Continue():
            yield node, "break"
        case ast.Break():
            yield node, "continue"
        case ast.If(test=test) | ast.While(test=test) if not _has_an_opposite(test):
            yield test, f"not ({source.of(test)})"


def _is_one_of(node: ast.expr, values: tuple[object, ...]) -> bool:
    return isinstance(node, ast.Constant) and any(node.value is value for value in values)


def _has_an_opposite(test: ast.expr) -> bool:
    """Whether a condition is turned round by another change already."""
    match test:
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.Is() | ast.IsNot() | ast.In() | ast.NotIn()]):
            return True
    return False


def _of_expression(node: ast.expr, source: _Source) -> Iterator[Change]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _OPPOSITE:
            yield node, f"{source.of(left)} {_OPPOSITE[type(operator)]} {source.of(right)}"
        case ast.BoolOp(op=operation, values=values):
            texts = [_bound(value, source) for value in values]
            yield node, (" or " if isinstance(operation, ast.And) else " and ").join(texts)
            word = " and " if isinstance(operation, ast.And) else " or "
            for dropped in range(len(texts)):
                yield node, word.join(texts[:dropped] + texts[dropped + 1 :])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, source.of(operand)
        case ast.IfExp(test=test) if not _has_an_opposite(test):
            yield test, f"not ({source.of(test)})"
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OTHER_OPERATOR:
            yield node, f"{_bound(left, source)} {_OTHER_OPERATOR[type(operator)]} {_bound(right, source)}"
        case ast.Call(func=ast.Name(id=name) as function) if name in _OTHER_END:
            yield function, _OTHER_END[name]
        case ast.Constant():
            yield from _of_constant(node, source)


def _bound(node: ast.expr, source: _Source) -> str:
    """The text of a node, that stays together next to any operator."""
    is_one = isinstance(node, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript)
    return source.of(node) if is_one else f"({source.of(node)})"


def _of_constant(node: ast.Constant, source: _Source) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield node, str(not node.value)
    elif isinstance(node.value, int) and node.value in {0, 1}:
        yield node, str(1 - node.value)
    elif _is_sql(node):
        text = source.of(node)
        for old, new in _OTHER_SQL:
            if old in text:
                yield node, text.replace(old, new, 1)


def _is_sql(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lstrip().startswith(_SQL_WORDS)
