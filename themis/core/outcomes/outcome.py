"""What a stage leaves behind for a case, as the engine writes it and the stores keep it."""

from typing import NamedTuple

from themis.core.outcomes.stages import Stage


class Outcome(NamedTuple):
    """The result of one stage for one case, or its failure. Keyed by the first three.

    Attributes:
        case_no: the case's position in the run, from 0, over all datasets in order.
        stage: the stage.
        item: which candidate (generate) or which metric (score), from 0; 0 elsewhere.
        ok: whether it succeeded. A success is final; a failure may be replaced by a later try.
        finished_ms: milliseconds since 1970 UTC.
        value: a score's number; None elsewhere.
        output: JSON text of what the next stage works on (final output or parsed value); None elsewhere.
        body: JSON text of the rest of the result, or of the failure.
        retries: JSON text of the failed tries before this outcome; None when there were none.
        category: `no_answer` of a score stage that no metric was asked for, as there was nothing to score; then `value`
            is what that counts, or None when it counts nothing. None elsewhere.
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
    """A case that went as far as it could.

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
