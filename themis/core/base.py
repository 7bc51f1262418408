"""Base of every value in Themis: JSON, and frozen models that refuse unknown fields."""

import contextlib
import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import to_jsonable_python

_TEXT = frozenset({str})
_NUMBERS = frozenset({int, float})
_PLAIN = frozenset({str, int, bool, type(None)})


def check_json(value: Any) -> Any:
    """Return `value` itself when JSON can hold it.

    Raises:
        ValueError: it holds NaN, an infinity, a key that is not a text, or something that is not JSON at all.
    """
    kind = type(value)
    if kind in _PLAIN or (
        kind is dict and _PLAIN.issuperset(map(type, value.values())) and _TEXT.issuperset(map(type, value))
    ):
        return value  # nearly always, and found without running Python code for each item
    try:
        _check(value)
    except RecursionError:
        _refuse("is nested too deeply")
    return value


def check_json_at(path: str, value: Any) -> None:
    """Check that JSON can hold `value`, which is at `path`.

    Raises:
        ValueError: it cannot; the message begins with the path of the first part that JSON cannot hold.
    """
    try:
        check_json(value)
    except ValueError as error:
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        with contextlib.suppress(RecursionError):
            for name, part in parts:
                check_json_at(f"{path}.{name}", part)
        msg = f"{path}: {error}"
        raise ValueError(msg) from None


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                _refuse(f"key {key!r} is not a text")
        _check_all(value.values())
    elif isinstance(value, list):
        _check_all(value)
    elif isinstance(value, float) and not math.isfinite(value):
        _refuse(f"{value} is not a number that JSON has")
    elif not isinstance(value, str | int | float):
        _refuse(f"a {type(value).__name__} is not JSON")


def _check_all(values: Iterable[Any]) -> None:
    for value in values:
        if type(value) not in _PLAIN:
            _check(value)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)  # pydantic turns it into its own error


def refuse_bool(value: Any) -> Any:
    """Return `value` itself, unless it is true or false, which Python treats as 1 and 0.

    Raises:
        ValueError: it is true or false.
    """
    if isinstance(value, bool):
        _refuse(f"must be a number, not {str(value).lower()}")
    return value


NotBool = BeforeValidator(refuse_bool)
"""Marks a field as numeric: true and false are refused, not treated as 1 and 0."""


if TYPE_CHECKING:
    JSONValue = JsonValue
else:
    # Not pydantic's own JsonValue: it accepts NaN inside a list or a mapping, and calls Python for each tag.
    JSONValue = Annotated[Any, AfterValidator(check_json), WithJsonSchema({})]
"""Any value that JSON can hold: None, bool, int, finite float, str, list, dict with text keys."""


def _number_as_text(value: Any) -> Any:
    """Return a finite number as its text; any other value unchanged, to be checked."""
    return str(value) if type(value) in _NUMBERS and math.isfinite(value) else value


Name = Annotated[str, Field(min_length=1, coerce_numbers_to_str=True)]
"""An id that a user gives; a number becomes its text, since files and scripts write ids as numbers."""

Labels = dict[str, Annotated[str, BeforeValidator(_number_as_text)]]
"""Named texts that are kept with a value; a number becomes its text."""


class FrozenModel(BaseModel):
    """A value: immutable, without unknown fields, without NaN or infinity in its numbers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )


class GrowingModel(FrozenModel):
    """A value hashed or compared across versions: fields added later have a default, at which they are left out.

    So its dump, and any hash of it, is the same as before the field existed. A model's first version has no defaults.
    """

    _defaults: ClassVar[dict[str, Any]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Note the defaults, which every dump is compared with."""
        cls._defaults = {
            name: field.get_default(call_default_factory=True)
            for name, field in cls.model_fields.items()
            if not field.is_required()
        }

    @model_serializer(mode="wrap")
    def _without_later_fields_at_their_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        defaults = self._defaults
        document: dict[str, Any] = dump(self)
        return {
            name: value
            for name, value in document.items()
            if name not in defaults or getattr(self, name) != defaults[name]
        }


def as_json(model: BaseModel, **options: Any) -> dict[str, Any]:
    """Return a model as a JSON value, with the options of pydantic's `model_dump`.

    `model_dump` itself refuses a key with a lone surrogate, which Python and JSON can hold and an answer may have.
    """
    try:
        return model.model_dump(mode="json", **options)
    except UnicodeEncodeError:
        text = json.dumps(model.model_dump(**options), default=to_jsonable_python)
        found: dict[str, Any] = json.loads(text)
        return found


__all__ = [
    "FrozenModel",
    "GrowingModel",
    "JSONValue",
    "Labels",
    "Name",
    "NotBool",
    "as_json",
    "check_json",
    "check_json_at",
    "refuse_bool",
]
