"""The score of a case whose answer contains nothing that can be scored: the rule of `evaluation.on_no_answer`."""

import json
from contextlib import suppress
from dataclasses import dataclass, field

from themis.core.base import JSONValue
from themis.core.config import OnNoAnswer
from themis.core.models import Case

_CHOICES = ("choices", "options")
_ASKS_FOR_IT = "scores_no_answer"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The score of a case without an answer.

    Attributes:
        value: the score; None when there is none.
        details: stored with the score.
    """

    value: float | None
    details: dict[str, JSONValue] = field(default_factory=dict)


def wants_no_answer(metric: object) -> bool:
    """Whether a metric scores missing answers itself, as a metric of abstention does."""
    return getattr(metric, _ASKS_FOR_IT, False) is True


def count_no_answer(rule: OnNoAnswer, case: Case) -> NoAnswer:
    """Return the score of a case without an answer.

    `random_choice` is the average score of a guess: 1 divided by the number of choices. They are read from `choices`,
    then `options`, first in the case's input, if that is a mapping, then in its metadata: a list, a mapping by letter,
    or a count; a text, such as every value of metadata, is read as JSON.
    """
    if rule == "incorrect":
        return NoAnswer(0.0)
    if rule == "unscored":
        return NoAnswer(None)
    count = _choice_count(case)
    if count is None:
        reason = "the case has no choices: neither its input nor its metadata has a list `choices` or `options`"
        return NoAnswer(None, {"reason": reason})
    return NoAnswer(1 / count, {"choices": count})


def _choice_count(case: Case) -> int | None:
    given = case.input if isinstance(case.input, dict) else {}
    for place in (given, case.metadata):
        for name in _CHOICES:
            count = _count(place.get(name))
            if count is not None:
                return count
    return None


def _count(found: JSONValue) -> int | None:
    if isinstance(found, str):
        text, found = found, None
        with suppress(ValueError, RecursionError):
            found = json.loads(text)
    if isinstance(found, list | dict):
        found = len(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None
