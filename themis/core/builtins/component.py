"""What all shipped components have in common."""

import json
from typing import ClassVar

from themis.core.base import JSONValue
from themis.core.canonical import content_hash
from themis.core.distributions import installed_version
from themis.core.models import Score, ScoreError

_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


class BuiltinComponent:
    """A component that is known by its id, its version and the arguments it was made with.

    Attributes:
        component_id: name in a config file.
        version: raised whenever a result could change.
        arguments: those of the constructor that can change a result.
        libraries: distributions whose version can change a result, and what is asked of them.
    """

    component_id: ClassVar[str]
    version: ClassVar[str] = "1"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {}

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """Those of the constructor that can change a result."""
        return {}

    def fingerprint(self) -> str:
        """Hash of id, version and arguments, and of the libraries that the result depends on, with their versions."""
        known: list[JSONValue] = [self.component_id, self.version, self.arguments]
        used: list[JSONValue] = [[name, installed_version(name), asked] for name, asked in self.libraries.items()]
        return content_hash([*known, used] if used else known)


class BuiltinMetric(BuiltinComponent):
    """A metric with the two ways to end: a score, or the reason why there is none."""

    def scored(self, value: float) -> Score:
        """A score of `value`."""
        return Score(metric_id=self.component_id, value=value)

    def unscored(self, reason: str) -> ScoreError:
        """No score: `reason` says what was missing."""
        return ScoreError(metric_id=self.component_id, reason=reason)


def expected_texts(expected: JSONValue) -> list[str] | str:
    """The texts that a metric of texts compares with, any of which is right; else what is wrong with `expected`.

    A text, a list of texts, `{answer: <one of both>}` or `{answers: <one of both>}`.
    """
    if isinstance(expected, dict):
        inner = next((expected[key] for key in ("answers", "answer") if key in expected), None)
        expected = expected if inner is None or isinstance(inner, dict) else inner
    if isinstance(expected, str):
        return [expected]
    if isinstance(expected, list) and expected:
        wrong = next((item for item in expected if not isinstance(item, str)), None)
        texts = [item for item in expected if isinstance(item, str)]
        if len(texts) == len(expected):
            return texts
        return f"expected_output must be a list of texts, but holds {kind_of(wrong)}"
    return f"expected_output must be a text, not {'an empty list' if expected == [] else kind_of(expected)}"


def text_of(value: JSONValue) -> str | None:
    """A candidate's output as text: a text as it is, another value as JSON, None when there is none."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def is_blank(value: JSONValue) -> bool:
    """Whether a value is a text with nothing in it: to a metric that expects something, a wrong answer."""
    return isinstance(value, str) and not value.strip()


def kind_of(value: JSONValue) -> str:
    """What `value` is, in a user's words."""
    return _KINDS.get(type(value), "null")
