"""Templates of prompts: Jinja2 in a sandbox, in which a missing name is an error and nothing grows without bound."""

import json
import string
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, Undefined, nodes
from jinja2.environment import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from themis.core.errors import PromptError
from themis.core.text.lines import one_line

MAX_CHARACTERS = 10 * 1024 * 1024
MAX_ITERATIONS = 10_000
"""Bounds of one rendering: the length of any text in it, and the rounds of all its loops together."""

_FILTERS = frozenset(
    {"abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "join", "last"}
    | {"length", "list", "lower", "max", "min", "reject", "rejectattr", "reverse", "round", "select"}
    | {"selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount"}
)
_TEXT_METHODS = frozenset(
    {"capitalize", "endswith", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip", "split", "splitlines"}
    | {"startswith", "strip", "title", "upper"}
)
_BUDGET = "_rounds_left"


class _TooLongError(TemplateError):
    """A bound is exceeded."""


class _Environment(ImmutableSandboxedEnvironment):
    """Sandbox in which texts cannot be multiplied, and only few methods of texts can be called."""

    intercepted_binops = frozenset({"*", "+", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _bounded(left + right)
        if not all(isinstance(value, int | float) and abs(value) < 2**63 for value in (left, right)):
            msg = f"{operator!r} is for numbers"
            raise _TooLongError(msg)
        if operator == "**":
            msg = "'**' is not for templates"
            raise _TooLongError(msg)
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> None:
        """Treat `format` like every method of a text: it can make one of any length."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        return super().is_safe_attribute(obj, attr, value)


def render(source: str, values: Mapping[str, Any], where: str) -> str:
    """Return a template with values filled in; `where` is its key in the configuration.

    Raises:
        PromptError: it is not a template, uses a name that has no value, or exceeds a bound.
    """
    try:
        template = _compiled(source)
        length, parts = 0, []
        for part in template.generate({**values, _BUDGET: iter(range(MAX_ITERATIONS))}):
            length += len(part)
            if length > MAX_CHARACTERS:
                _refuse_length()
            parts.append(part)
        return "".join(parts)
    except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        place = f"{where}, line {line}" if line else where
        raise PromptError(where=place, detail=one_line(str(error)) or type(error).__name__) from None


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    environment = _environment()
    tree = environment.parse(source)
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = nodes.Call(
            nodes.Name("_counted", "load"), [loop.iter, nodes.Name(_BUDGET, "load")], [], None, None, lineno=loop.lineno
        )
    for joined in list(tree.find_all(nodes.Concat)):
        joined.nodes = [_call("_bounded", node) for node in joined.nodes]
    return Template.from_code(environment, environment.compile(tree), environment.globals)


def _call(name: str, node: Any) -> nodes.Call:
    return nodes.Call(nodes.Name(name, "load"), [node], [], None, None, lineno=node.lineno)


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    environment = _Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_as_text, autoescape=False
    )
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.filters |= {"lettered": _lettered, "replace": _replaced, "tojson": _as_json}
    environment.globals = {"range": environment.globals["range"], "_counted": _counted, "_bounded": _bounded}
    return environment


def _counted(items: Iterable[Any], rounds_left: Iterator[int]) -> Iterator[Any]:
    for item in items:
        if next(rounds_left, None) is None:
            msg = f"its loops take more than {MAX_ITERATIONS:,} rounds"
            raise _TooLongError(msg)
        yield item


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_CHARACTERS // 16:
        _refuse_length()
    return value


def _refuse_length() -> None:
    msg = f"it becomes longer than {MAX_CHARACTERS // 2**20} MiB"
    raise _TooLongError(msg)


def _as_text(value: Any) -> Any:
    """Return a value as it is written into a prompt: a text as it is, nothing for None, else its JSON."""
    if isinstance(value, str | Undefined):
        return value
    return "" if value is None else _as_json(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lettered(items: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return (letter, item) for each of at most 26 items."""
    return list(zip(string.ascii_uppercase, items, strict=False))


def _replaced(text: str, old: str, new: str) -> str:
    if not old or len(text) + text.count(old) * (len(new) - len(old)) > MAX_CHARACTERS // 16:
        _refuse_length()
    return text.replace(old, new)
