"""Constructions of errors in a tree of source: which class, which facts, and what is wrong with them.

A call of a class is found by the class's name, also under another one (`import … as`), through a module, and through a
table or variable that holds classes. A class that is handed on in a way which is not followed here is a problem too.
"""

import ast
import inspect
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, get_origin

from themis.core import errors
from themis.core.errors import ThemisError

_ASKED = frozenset({"isinstance", "issubclass", "suppress"})
_READ_FROM_A_TABLE = frozenset({"get", "items", "pop", "values"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What an error is told.

    Attributes:
        needed: what its message names, and what it declares for programs.
        allowed: these, and what it declares with a default.
    """

    needed: frozenset[str]
    allowed: frozenset[str]


def classes() -> dict[str, type[ThemisError]]:
    """All errors, by name."""
    found = vars(errors).items()
    return {name: kind for name, kind in found if isinstance(kind, type) and issubclass(kind, ThemisError)}


def facts_of(kind: type[ThemisError]) -> Facts:
    """The facts of an error: the names in its docstring, and the annotations of its class and those above it."""
    named = {name for _, name, _, _ in string.Formatter().parse(kind.__doc__ or "") if name is not None}
    declared = {
        name
        for base in kind.__mro__
        if issubclass(base, ThemisError)
        for name, annotation in inspect.get_annotations(base).items()
        if not _is_of_class(annotation)
    }
    with_default = {name for name in declared if hasattr(kind, name)}
    return Facts(frozenset(named | declared - with_default), frozenset(named | declared))


def _is_of_class(annotation: object) -> bool:
    origin: object = get_origin(annotation)
    return origin is ClassVar


def problems_in(path: Path, known: Mapping[str, Facts]) -> Iterator[str]:
    """What is wrong with how a file builds errors, each as a line that begins with the place."""
    yield from (f"{path}:{line}: {what}" for line, what in sorted(_Module(path, known).problems()))


class _Module:
    def __init__(self, path: Path, known: Mapping[str, Facts]) -> None:
        self._tree = ast.parse(path.read_text(encoding="utf-8"))
        self._known = known
        self._parents = {child: node for node in ast.walk(self._tree) for child in ast.iter_child_nodes(node)}
        self._names = {name: {name} for name in known}
        self._learn_names()

    def _learn_names(self) -> None:
        """Which names stand for which classes: those that were imported as something else, and variables."""
        bindings: list[tuple[str, ast.expr]] = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if alias.asname and alias.name in self._known:
                        self._names.setdefault(alias.asname, set()).add(alias.name)
            bindings += _bindings(node)
        size = -1
        while size != (size := sum(map(len, self._names.values()))):
            for name, value in bindings:
                self._names.setdefault(name, set()).update(self._classes_of(value))

    def _classes_of(self, node: ast.expr) -> set[str]:
        """The classes that an expression may be, or hold."""
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return self._names.get(name, set())
            case ast.Call(func=ast.Attribute(value=table, attr=attribute)) if attribute in _READ_FROM_A_TABLE:
                parts = [table, *node.args]
            case ast.Subscript(value=table):
                parts = [table]
            case ast.IfExp():
                parts = [node.body, node.orelse]
            case ast.BoolOp():
                parts = node.values
            case ast.Dict():
                parts = node.values
            case ast.Tuple() | ast.List() | ast.Set():
                parts = node.elts
            case _:
                return set()
        return set().union(*map(self._classes_of, parts))

    def problems(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                for name in sorted(self._classes_of(node.func)):
                    yield from ((node.lineno, what) for what in self._wrong_facts(name, node))
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name | ast.Attribute):
                for name in self._is_class(node.exc):
                    yield from ((node.lineno, what) for what in self._compare(name, set()))
            elif isinstance(node, ast.Name | ast.Attribute):
                for name in self._is_class(node):
                    if not self._is_followed(node):
                        yield node.lineno, f"{name} is handed on in a way that this rule cannot follow"

    def _is_class(self, node: ast.expr) -> set[str]:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return {name} & self._known.keys()
        return set()

    def _wrong_facts(self, name: str, call: ast.Call) -> Iterator[str]:
        given = {keyword.arg for keyword in call.keywords}
        if call.args or None in given:
            yield f"{name} is given facts that cannot be seen; write each with its name"
            return
        yield from self._compare(name, {word for word in given if word is not None})

    def _compare(self, name: str, given: set[str]) -> Iterator[str]:
        facts = self._known[name]
        if missing := facts.needed - given:
            yield f"{name} is not given {', '.join(sorted(missing))}"
        if unknown := given - facts.allowed:
            yield f"{name} is given {', '.join(sorted(unknown))}, which neither its message nor its class names"

    def _is_followed(self, node: ast.expr) -> bool:
        """Whether a mention of a class is a call, only asks about an error, or is followed as a value."""
        child: ast.AST = node
        parent = self._parents[child]
        while isinstance(parent, ast.Tuple | ast.List | ast.Set | ast.Dict | ast.BinOp | ast.IfExp | ast.Subscript):
            child, parent = parent, self._parents[parent]
        match parent:
            case ast.Call(func=function):
                return child is function or _last_name(function) in _ASKED | _READ_FROM_A_TABLE
            case ast.ClassDef() | ast.Return() | ast.Yield() | ast.Lambda() | ast.keyword():
                return False
            case ast.arguments(defaults=defaults, kw_defaults=keyword_defaults):
                return child not in [*defaults, *keyword_defaults]
        return True


def _last_name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The variables that a statement binds, each with the expression that its value is, or is taken from."""
    match node:
        case ast.Assign(targets=targets, value=value):
            pass
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            targets = [target]
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            targets = [target]
        case _:
            return
    yield from ((name, value) for target in targets for name in _names_in(target))


def _names_in(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Subscript(value=part) | ast.Starred(value=part):
            yield from _names_in(part)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            yield from (name for part in parts for name in _names_in(part))
