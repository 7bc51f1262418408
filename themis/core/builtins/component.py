"""Base classes of the shipped components."""

import json
from typing import ClassVar

from themis.core.base import JSONValue
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError
from themis.core.python.distributions import installed_version
from themis.core.text.canonical import content_hash

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

    def fingerprint(self) -> str:
        """Return a hash of id, version and arguments, and of the libraries behind the result, with their versions."""
        known: list[JSONValue] = [self.component_id, self.version, self.arguments]
        used: list[JSONValue] = [[name, installed_version(name), asked] for name, asked in self.libraries.items()]
        return content_hash([*known, used] if used else known)


class BuiltinMetric(BuiltinComponent):
    """A metric with its two kinds of result: a score, or the reason why there is none."""

    def scored(self, value: float) -> Score:
        """Return a score of `value`."""
        return Score(metric_id=self.component_id, value=value)

    def unscored(self, reason: str) -> ScoreError:
        """Return no score, with the reason."""
        return ScoreError(metric_id=self.component_id, reason=reason)


class TextMetric(BuiltinMetric):
    """A metric that compares the parsed value, as text, with the expected one.

    Either may be a text, a list of texts, `{answer: …}` or `{answers: …}` with one of both. Of several expected texts
    the best counts, as any of them is right; of several answers the worst, so that giving more of them gains nothing.
    """

    def likeness(self, answer: str, expected: str) -> float:
        """Return the similarity of an answer and an expected text, from 0 to 1."""
        raise NotImplementedError

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return the similarity to the most similar expected text; no score unless there are texts on both sides."""
        expected = _texts_of(case.expected_output, "expected_output")
        if isinstance(expected, str):
            return self.unscored(expected)
        answers = _texts_of(parsed.value, "the parsed value")
        if isinstance(answers, str):
            return self.unscored(answers)
        return self.scored(min(max(self.likeness(answer, text) for text in expected) for answer in answers))


def _texts_of(value: JSONValue, what: str) -> list[str] | str:
    """Return the texts in a value for a metric of texts; else a message about its fault, which calls it `what`."""
    if isinstance(value, dict):
        inner = next((value[key] for key in ("answers", "answer") if key in value), None)
        value = value if inner is None or isinstance(inner, dict) else inner
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        wrong = next((item for item in value if not isinstance(item, str)), None)
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) == len(value):
            return texts
        return f"{what} must be a list of texts, but holds {kind_of(wrong)}"
    return f"{what} must be a text, not {'an empty list' if value == [] else kind_of(value)}"


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
