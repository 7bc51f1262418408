"""Outcomes of a stage for a case, as the engine writes them and the stores keep them."""

from typing import NamedTuple

from themis.core.outcomes.stages import Stage


class Outcome(NamedTuple):
    """The result of one stage for one case, or its failure. The first three attributes are its key.

    Attributes:
        case_no: the case's position in the run, from 0, over all datasets in order.
        stage: the stage.
        item: index of the candidate (generate), from 0; the number of an `Item` (parse, score, judge); 0 elsewhere.
        ok: whether it succeeded. A success is final; a failure may be replaced by a later try.
        finished_ms: milliseconds since 1970 UTC.
        value: a score's number, of a metric or a judge; None elsewhere.
        output: JSON text of the next stage's input (final output or parsed value), for a judge stage of the execution
            of its workflow; None elsewhere.
        body: JSON text of the rest of the result, or of the failure.
        retries: JSON text of the failed tries before this outcome; None when there were none.
        category: for a generate stage, how its answer ended, see `AnswerEnd`; None when it ended by itself. For a score
            or judge stage whose metric was not called, `no_answer` when there was nothing to score (then `value` is the
            score that it counts as, or None when it is left out), or the answer's end when that is left out. For a
            judge stage with a score although some calls failed, `evaluation_partial_failure`. None elsewhere.
    """

    case_no: int
    stage: Stage
    item: int
    ok: bool
    finished_ms: int
    value: float | None
    output: str | None
    body: str
    retries: str | None = None
    category: str | None = None


class CaseEnd(NamedTuple):
    """End of a case: it has gone through all its stages, or failed.

    Attributes:
        case_no: the case's position in the run.
        dataset_no: its dataset's position in the run.
        case_id: unique within the dataset.
        digest: 16 bytes that identify its content.
        failed: whether a stage of it failed.
        through: the last stage that it was taken through, or that failed.
    """

    case_no: int
    dataset_no: int
    case_id: str
    digest: bytes
    failed: bool
    through: Stage
