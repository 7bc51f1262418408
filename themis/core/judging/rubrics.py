"""Rubrics: one text for all cases, or each case's own, with points that an answer gains or loses."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from themis.core.base import JSONValue
from themis.core.contexts import EvalScoreContext
from themis.core.errors import RubricError
from themis.core.judging.scales import shortened
from themis.core.values.record_paths import value_at

DEFAULT = (
    "The answer is right and does what was asked. Where there is a reference, the answer agrees with it in everything "
    "that matters; other words, another order or more detail are no fault."
)
"""The rubric where nobody gives one."""

_MOST_POINTS = 1_000
_CRITERION_KEYS = ("criterion", "text", "description")
_RUBRIC_KEYS = ("rubrics", "rubric")
_ANSWER_KEYS = ("answer", "answers", "reference")
_NO_REFERENCE = frozenset({*_RUBRIC_KEYS, "template", "system"})
_PLACES = {
    "response": "(the answer, below)",
    "response_reference": "(the reference, below)",
    "reference": "(the reference, below)",
    "prompt": "(the question, below)",
    "input": "(the question, below)",
}
_PLACE = re.compile(r"\{\s?(" + "|".join(_PLACES) + r")\s?\}")


@dataclass(frozen=True, slots=True)
class Point:
    """One criterion of a rubric, and the points that an answer gains, or loses, by meeting it."""

    criterion: str
    points: float


Rubric = str | tuple[Point, ...]


def rubric_of(ctx: EvalScoreContext, text: str | None, path: str | None) -> Rubric:
    """Return the rubric of a case: a text, or points.

    It is what stands at `path` in the case; else `rubric` of `evaluation.workflow_overrides`; else `text`; else what
    the expected output has: `rubrics`, `rubric`, or a `template` for its judge, perhaps with a `system` text; else the
    default.

    Raises:
        RubricError: what is found is no rubric, or `path` leads nowhere.
    """
    if path is not None:
        return _checked(_found_at(ctx, path), path)
    if (given := ctx.eval_workflow_config.get("rubric")) is not None:
        return _checked(given, "evaluation.workflow_overrides.rubric")
    expected = ctx.case.expected_output
    if text is None and isinstance(expected, dict):
        for key in _RUBRIC_KEYS:
            if expected.get(key) is not None:
                return _checked(expected[key], f"expected_output.{key}")
        if isinstance(template := expected.get("template"), str):
            parts = (expected.get("system"), _PLACE.sub(lambda found: _PLACES[found[1]], template))
            return "\n\n".join(part for part in parts if isinstance(part, str))
    return text or DEFAULT


def _found_at(ctx: EvalScoreContext, path: str) -> JSONValue:
    case = ctx.case
    record = {"input": case.input, "expected_output": case.expected_output, "metadata": case.metadata}
    try:
        found: JSONValue = value_at(record, path.split("."), "rubric_from")
    except ValueError as error:
        raise RubricError(where=path, detail=f"the case {error}") from None
    return found


def reference_of(expected: JSONValue, rubric_from: str | None = None) -> JSONValue:
    """Return what a judge is shown of an expected output: it without its rubric, or an answer that is all of it.

    Args:
        expected: the expected output.
        rubric_from: path of the rubric in the case, if the metric has one.
    """
    place, _, key = (rubric_from or "").partition(".")
    if place == "expected_output" and not key:
        return None
    if not isinstance(expected, dict):
        return expected
    hidden = {*_NO_REFERENCE, key.partition(".")[0] if place == "expected_output" else None}
    rest: dict[str, JSONValue] = {name: value for name, value in expected.items() if name not in hidden}
    for name in _ANSWER_KEYS:
        if rest.keys() == {name}:
            return rest[name]
    return rest or None


def _checked(given: JSONValue, where: str) -> Rubric:
    if isinstance(given, str) and given.strip():
        return given
    if not isinstance(given, list) or not given:
        raise RubricError(where=where, detail="a rubric is a text, or a list of criteria with their points")
    if len(given) > _MOST_POINTS:
        raise RubricError(where=where, detail=f"a rubric has at most {_MOST_POINTS:,} criteria, not {len(given):,}")
    points = tuple(_point(item, f"{where}.{number}") for number, item in enumerate(given))
    if not most_points(points):
        raise RubricError(where=where, detail="no criterion has positive points, so that there is nothing to gain")
    return points


def _point(item: JSONValue, where: str) -> Point:
    if isinstance(item, str):
        item = {"criterion": item}
    if not isinstance(item, dict):
        detail = f"a criterion is a text or {{criterion: …, points: …}}, not {shortened(item)!r}"
        raise RubricError(where=where, detail=detail)
    criterion = next((item[key] for key in _CRITERION_KEYS if key in item), None)
    points: Any = item.get("points", 1)
    if not isinstance(criterion, str) or not criterion.strip():
        raise RubricError(where=where, detail="has no text `criterion`")
    if isinstance(points, bool) or not isinstance(points, int | float) or not math.isfinite(points):
        raise RubricError(where=where, detail=f"`points` must be a number, not {shortened(points)!r}")
    return Point(criterion, points)


def most_points(points: Sequence[Point]) -> float:
    """Return the points of an answer that meets every criterion that gains some, and none that loses some."""
    return math.fsum(max(point.points, 0) for point in points)


def share_of_points(points: Sequence[Point], met: Mapping[int, bool]) -> float:
    """Return points met / positive points, which may be below 0.

    Source: Arora et al., "HealthBench: Evaluating Large Language Models Towards Improved Human Health" (2025).

    Args:
        points: the rubric.
        met: whether each criterion is met, by its position.
    """
    return math.fsum(point.points for number, point in enumerate(points) if met[number]) / most_points(points)
