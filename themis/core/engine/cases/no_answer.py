"""The score of a case whose answer contains nothing that can be scored: the rule of `evaluation.on_no_answer`."""

from dataclasses import dataclass, field
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.answers.case_choices import found_choices
from themis.core.config import OnNoAnswer
from themis.core.engine.component_failures import line_of
from themis.core.models import Case

_ASKS_FOR_IT = "scores_no_answer"
_COUNTS_IT = "details_of_no_answer"


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


def can_count_no_answer(metric: object, rule: OnNoAnswer) -> bool:
    """Whether a metric's figures over a run include the cases without an answer: as wrong ones, if they count so."""
    return rule == "incorrect" and callable(getattr(metric, _COUNTS_IT, None))


def statistics_of_no_answer(metric: Any, case: Case) -> dict[str, JSONValue]:
    """Return a metric's statistics of a case without an answer; after an exception its message alone."""
    try:
        return dict(getattr(metric, _COUNTS_IT)(case))
    except Exception as error:  # noqa: BLE001  # an error of a component is data; the metric misses its statistics
        return {"error": line_of(error)}


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
    return next((count for found in found_choices(case) if (count := _count(found)) is not None), None)


def _count(found: JSONValue) -> int | None:
    if isinstance(found, list | dict):
        found = len(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None
