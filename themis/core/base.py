"""What every value in Themis is made of: JSON, and frozen models that refuse unknown fields."""

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, WithJsonSchema


def check_json(value: Any) -> Any:
    """`value` itself, when JSON can hold it.

    Raises:
        ValueError: it holds NaN, an infinity, a key that is not a text, or something that is not JSON at all.
    """
    try:
        _check(value)
    except RecursionError:
        msg = "is nested too deeply"
        raise ValueError(msg) from None
    return value


_PLAIN = (str, int, type(None))  # a bool is an int


def _check(value: Any) -> None:
    if isinstance(value, _PLAIN):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                msg = f"key {key!r} is not a text"
                raise ValueError(msg)  # noqa: TRY004  # pydantic turns a ValueError into its own error
            if not isinstance(item, str):
                _check(item)
    elif isinstance(value, list):
        for item in value:
            _check(item)
    elif not isinstance(value, float):
        msg = f"a {type(value).__name__} is not JSON"
        raise ValueError(msg)  # noqa: TRY004
    elif not math.isfinite(value):
        msg = f"{value} is not a number that JSON has"
        raise ValueError(msg)


if TYPE_CHECKING:
    JSONValue = JsonValue
else:
    # Not pydantic's own JsonValue: that lets NaN pass inside a list or a mapping, and asks Python for each tag.
    JSONValue = Annotated[Any, AfterValidator(check_json), WithJsonSchema({})]
"""Any value that JSON can hold: None, bool, int, finite float, str, list, dict with text keys."""


class FrozenModel(BaseModel):
    """A value: immutable, without unknown fields, without NaN or infinity in its numbers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )


__all__ = ["FrozenModel", "JSONValue", "check_json"]
