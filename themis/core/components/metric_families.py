"""Families of metrics: what a metric scores, and whether it asks a judge."""

from typing import Any

PURE = "pure"
"""The family of a metric that asks no judge."""

LLM = "llm"
SELECTION = "selection"
TRACE = "trace"

JUDGED = (LLM, SELECTION, TRACE)
"""Families of metrics that ask a judge: about the reduced candidate, all candidates, the way to the winner."""

FAMILIES = (PURE, *JUDGED)


def family_of(metric: Any) -> str:
    """Return the family that a metric names in `metric_family`; else that which follows from its methods."""
    named = getattr(metric, "metric_family", None)
    if named is not None:
        return str(named)
    has_score, has_workflow = (callable(getattr(metric, name, None)) for name in ("score", "build_workflow"))
    return LLM if has_workflow and not has_score else PURE
