"""Signatures of models in the reference of the Python names: a model is made from its fields.

mkdocstrings reads the source without running it, and would show neither the fields of a pydantic model that its
docstring does not explain, nor which of them may be left out. griffe loads this file as an extension, as `mkdocs.yml`
says.
"""

from collections.abc import Iterator
from typing import Any

import griffe

ROOT = "themis.core.base.FrozenModel"
FACTORIES = {"list": "[]", "dict": "{}"}
COMPUTED = "..."


class ModelSignatures(griffe.Extension):
    """Gives every model an `__init__` of keywords, one for each field."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """See `griffe.Extension`."""
        for model in list(models_of(pkg)):
            self_parameter = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
            parameters = griffe.Parameters(self_parameter, *fields_of(model))
            model.set_member("__init__", griffe.Function("__init__", parameters=parameters))


def models_of(found: griffe.Module | griffe.Class) -> Iterator[griffe.Class]:
    """The models in a module, and in all below it."""
    for member in found.members.values():
        if isinstance(member, griffe.Module):
            yield from models_of(member)
        elif isinstance(member, griffe.Class) and any(base.path == ROOT for base in member.mro()):
            yield member


def fields_of(model: griffe.Class) -> Iterator[griffe.Parameter]:
    """The fields of a model, inherited ones first, as keyword arguments."""
    fields: dict[str, griffe.Parameter] = {}
    for owner in [*reversed(model.mro()), model]:
        for name, member in owner.members.items():
            if isinstance(member, griffe.Attribute) and is_field(name, member):
                default, kind = default_of(member.value), griffe.ParameterKind.keyword_only
                fields[name] = griffe.Parameter(name, annotation=member.annotation, kind=kind, default=default)
    yield from fields.values()


def is_field(name: str, member: griffe.Attribute) -> bool:
    """Whether a member is annotated, public, and of the instance."""
    if name.startswith("_") or member.annotation is None or "property" in member.labels:
        return False
    return not str(member.annotation).startswith("ClassVar")


def default_of(value: str | griffe.Expr | None) -> str | griffe.Expr | None:
    """What a field is when it is not given; None when it must be given."""
    if not isinstance(value, griffe.ExprCall) or str(value.function) != "Field":
        return value
    for argument in value.arguments:
        if not isinstance(argument, griffe.ExprKeyword):
            return argument
        if argument.name == "default":
            return argument.value
        if argument.name == "default_factory":
            return FACTORIES.get(str(argument.value), COMPUTED)
    return None
