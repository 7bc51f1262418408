"""Base classes of the shipped components."""

import json
from typing import Any, ClassVar

from themis.core.base import JSONValue
from themis.core.models import Score, ScoreError
from themis.core.python.distributions import installed_version
from themis.core.text.canonical import content_hash
from themis.core.text.masking import mask

_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


class BuiltinComponent:
    """A component that is identified by its id, its version and its arguments.

    Attributes:
        component_id: name in a config file.
        version: raised whenever a result could change.
        arguments: the constructor's arguments that can change a result.
        libraries: distributions whose version can change a result, with the options used.
    """

    component_id: ClassVar[str]
    version: ClassVar[str] = "1"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {}

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The constructor's arguments that can change a result."""
        return {}

    @property
    def libraries_used(self) -> dict[str, dict[str, JSONValue]]:
        """Those of `libraries` that a result depends on, with these arguments."""
        return self.libraries

    def fingerprint(self) -> str:
        """Return a hash of id, version and arguments, and of the libraries behind the result, with their versions."""
        known: list[JSONValue] = [self.component_id, self.version, self.arguments]
        libraries = self.libraries_used.items()
        used: list[JSONValue] = [[name, installed_version(name), asked] for name, asked in libraries]
        return content_hash([*known, used] if used else known)


def identity_of(component: Any) -> JSONValue:
    """Return what decides the identity of a component inside another one, which does not depend on its secrets."""
    return [component.component_id, component.version, mask(component.fingerprint())]


class BuiltinMetric(BuiltinComponent):
    """A metric with its two kinds of result: a score, or the reason why there is none."""

    def scored(self, value: float) -> Score:
        """Return a score of `value`."""
        return Score(metric_id=self.component_id, value=value)

    def unscored(self, reason: str) -> ScoreError:
        """Return no score, with the reason."""
        return ScoreError(metric_id=self.component_id, reason=reason)


def text_of(value: JSONValue) -> str | None:
    """Return a candidate's output as text: a text unchanged, another value as JSON, None when there is none."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def is_blank(value: JSONValue) -> bool:
    """Whether a value is a text that is empty or only space: a wrong answer for a metric that expects something."""
    return isinstance(value, str) and not value.strip()


def kind_of(value: JSONValue) -> str:
    """Return the kind of `value`, in a user's words."""
    return _KINDS.get(type(value), "null")
