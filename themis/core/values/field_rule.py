"""A value of a case that a path alone does not give: parsed, named, looked up, or made of several."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from themis.core.base import FrozenModel, JSONValue


def _dotted(value: str) -> str:
    if not all(value.split(".")):
        msg = f"{value!r} is not a dotted path such as answer.text"
        raise ValueError(msg)
    return value


DottedPath = Annotated[str, AfterValidator(_dotted)]


class FieldRule(FrozenModel):
    """A rule that gives a field of a case; its steps are taken in the order of the attributes.

    Attributes:
        path: dotted path of the value in a record.
        value: the value itself, the same for each record.
        parts: for each key of an object, the dotted path of its value.
        names: what replaces a value, by the text of it; a value without a replacement stays.
        parse: id of a shipped parser that finds the value in a text: `builtin/math_answer` in a worked solution.
        among: dotted path of a list in which the value is looked up; its place, from 0, becomes the value.
        every: whether the value may be in that list several times; then the list of all its places becomes the value.
    """

    path: DottedPath | None = None
    value: JSONValue = None
    parts: Annotated[dict[str, DottedPath], Field(min_length=1)] | None = None
    names: dict[str, JSONValue] = Field(default_factory=dict)
    parse: str | None = None
    among: DottedPath | None = None
    every: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.path, self.value, self.parts)) != 1:
            msg = "needs one of `path`, `value` and `parts`"
            raise ValueError(msg)
        if self.every and self.among is None:
            msg = "`every` is about the list of `among`, which is missing"
            raise ValueError(msg)
        return self

    @property
    def paths(self) -> list[str]:
        """The paths of all values of a record that it uses."""
        return [path for path in (self.path, *(self.parts or {}).values(), self.among) if path is not None]
