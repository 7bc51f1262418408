"""Stages of a run and their order: the only list of them."""

from dataclasses import dataclass
from enum import IntEnum


class Stage(IntEnum):
    """A step of a case; the numbers give the order, and the stores keep them."""

    GENERATE = 1
    SELECT = 2
    REDUCE = 3
    PARSE = 4
    SCORE = 5
    JUDGE = 6


@dataclass(frozen=True, slots=True)
class StageNames:
    """Public names of a stage.

    Attributes:
        concurrency_key: its key in `runtime.stage_concurrency`.
        span: its span's name for a tracing provider.
        hook: its verb in a subscriber's `before_…` and `after_…` methods; None where there is no hook.
        event: the stem of its event classes and of the timeline's event types.
        failure_category: the category of its failed outcomes.
    """

    concurrency_key: str
    span: str
    hook: str | None
    event: str
    failure_category: str


NAMES: dict[Stage, StageNames] = {
    Stage.GENERATE: StageNames("generation", "generation", "generate", "generation", "generation_failure"),
    Stage.SELECT: StageNames("selection", "selection", None, "selection", "selection_failure"),
    Stage.REDUCE: StageNames("reduction", "reduction", "reduce", "reduction", "reduction_failure"),
    Stage.PARSE: StageNames("parsing", "parse", "parse", "parse", "parse_failure"),
    Stage.SCORE: StageNames("scoring", "score", "score", "score", "score_failure"),
    Stage.JUDGE: StageNames("evaluation", "judge", "judge", "evaluation", "evaluation_failure"),
}

WORKER_LOST = "worker_lost"
"""Category of a case that killed the process of its job, at whatever stage."""

UNTIL_STAGES: dict[str, Stage] = {
    "generate": Stage.GENERATE,
    "reduce": Stage.REDUCE,
    "parse": Stage.PARSE,
    "score": Stage.SCORE,
    "judge": Stage.JUDGE,
}
"""Stages that a run can be stopped after, by their public names; selection belongs to `reduce`."""

SCORING = (Stage.SCORE, Stage.JUDGE)
"""Stages whose outcomes are metrics' scores, or say why there is none: a metric has its outcomes in one of them."""

CONCURRENCY_KEYS: frozenset[str] = frozenset(names.concurrency_key for names in NAMES.values())


def until_name(stage: Stage) -> str:
    """Return the public name of the last stage that a run was completed through."""
    return next(name for name, known in UNTIL_STAGES.items() if known == stage)
