"""Arguments of a generator that decide what it asks."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from themis.adapters.conversation import InputBuilder
from themis.core.base import JSONValue, check_json_at
from themis.core.errors import ComponentError
from themis.core.text import masking
from themis.core.text.nearest import nearest_hint

LONG_TIMEOUT_S = 600.0
"""Default seconds for a whole request: reasoning may take minutes."""

CONNECT_TIMEOUT_S = 10.0
"""Seconds for a connection."""

NO_KEY = "EMPTY"
"""Key for a server that wants none."""

_NO_KEYS = frozenset({None, "", NO_KEY})
_SECRET_HEADERS = ("auth", "key", "token", "secret", "cookie", "password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Arguments that all generators of providers share.

    Attributes:
        model_id: the model, by the provider's name.
        instructions: what the model is told before each conversation.
        params: parameters of each request; one that is not here is not sent.
        extra_headers: headers added to each request.
        extra_body: JSON added to each request as it is.
        drop_params: names of parameters that are left out, though they are in `params` or come from the experiment.
        stream: whether the answer is streamed: it is measured when it began, and a stalled one is noticed.
        timeout_s: seconds for one request.
        input_builder: makes the input of a request from a case; None for the case's input.
    """

    model_id: str
    instructions: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    drop_params: tuple[str, ...] = ()
    stream: bool = False
    timeout_s: float = LONG_TIMEOUT_S
    input_builder: InputBuilder | None = None

    def identity(self) -> dict[str, JSONValue]:
        """The settings that decide an answer, without those at their defaults; no header, as one may hold a secret."""
        said: dict[str, JSONValue] = {
            "model_id": self.model_id,
            "instructions": self.instructions,
            "params": dict(self.params),
            "extra_headers": [*sorted(self.extra_headers)],
            "extra_body": dict(self.extra_body),
            "drop_params": [*sorted(self.drop_params)],
            "input_builder": name_of(self.input_builder),
        }
        return {name: value for name, value in said.items() if value not in (None, {}, [])}


def credential_of(api_key: str | None, extra_headers: Mapping[str, str]) -> str | None:
    """Return that by which a provider knows who asks: the key, and headers that hold one; None when there is none."""
    keys = [] if api_key in _NO_KEYS else [str(api_key)]
    keys += [text for name, text in sorted(extra_headers.items()) if _is_secret(name)]
    return "\n".join(keys) or None


def settings_of(component_id: str, model_id: str, given: Mapping[str, Any]) -> Settings:
    """Return the settings that were given by name, checked.

    Raises:
        ComponentError: one has an unknown name, or a value that cannot be.
    """
    allowed = [name for name in Settings.__dataclass_fields__ if name != "model_id"]
    for name in given:
        if name not in allowed:
            refuse(component_id, f"has no argument {name!r}{nearest_hint(name, allowed)}")
    values = {name: value for name, value in given.items() if value is not None}
    fault = _fault(model_id, values)
    if fault is not None:
        refuse(component_id, fault)
    return Settings(**{**values, "model_id": model_id, "drop_params": tuple(values.get("drop_params", ()))})


def _fault(model_id: Any, values: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the arguments; None when nothing is."""
    if not isinstance(model_id, str) or not model_id.strip():
        return f"model_id must be the name of a model, not {model_id!r}"
    if fault := _fault_of_mappings(values):
        return fault
    dropped = values.get("drop_params", ())
    if not isinstance(dropped, list | tuple) or not all(isinstance(name, str) for name in dropped):
        return "drop_params must be a list of names"
    builder = values.get("input_builder")
    if builder is not None and not callable(builder):
        return f"input_builder must be a function, not {builder!r}"
    timeout_s = values.get("timeout_s", LONG_TIMEOUT_S)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 < timeout_s < math.inf:
        return f"timeout_s must be a number of seconds above 0, not {timeout_s!r}"
    return None


def _fault_of_mappings(values: Mapping[str, Any]) -> str | None:
    for name in ("params", "extra_headers", "extra_body"):
        value = values.get(name, {})
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            return f"{name} must map names to values"
        try:
            check_json_at(name, dict(value))
        except ValueError as error:
            return str(error)
    if not all(isinstance(text, str) for text in values.get("extra_headers", {}).values()):
        return "extra_headers must map names to texts"
    return None


def mask_secrets(api_key: str | None, extra_headers: Mapping[str, str]) -> None:
    """Mask a key, and the headers that hold one by their names, in every text that leaves the process."""
    found = {} if api_key in _NO_KEYS else {"api_key": str(api_key)}
    for name, text in extra_headers.items():
        if _is_secret(name):
            found[f"extra_headers.{name}"] = text
            found[f"extra_headers.{name} "] = text.rpartition(" ")[2]  # what follows the word Bearer
    for name, text in found.items():
        masking.register(name.strip(), text, is_key=True)


def _is_secret(header: str) -> bool:
    return any(part in header.lower() for part in _SECRET_HEADERS)


def check_key(component_id: str, api_key: str | None) -> None:
    """Check that a key can be one, before anything is asked with it.

    Raises:
        ComponentError: it is empty, or has blanks or line breaks around it.
    """
    if api_key is None:
        return
    if not api_key.strip():
        refuse(
            component_id,
            "api_key is empty: set the secret that it refers to, or leave api_key out for a server that wants none",
        )
    if api_key != api_key.strip():
        refuse(
            component_id,
            "api_key begins or ends with a blank or a line break: set the secret that it refers to again, without it",
        )


def refuse(component_id: str, detail: str) -> NoReturn:
    """Raise a ComponentError about an argument of a generator."""
    raise ComponentError(where="generation.generator", reference=repr(component_id), detail=detail)


def name_of(function: Callable[..., Any] | None) -> str | None:
    """Return the import path of a function; None for none."""
    if function is None:
        return None
    return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', type(function).__name__)}"
