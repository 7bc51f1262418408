"""Models of bundles: each is a run's snapshot, and a record for every result of one stage."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate
from themis.core.snapshot import RunSnapshot
from themis.core.workflows import EvaluationExecution

SCHEMA_VERSION = 1
"""Version of the form of bundles. A later one is refused, as its records may mean something else."""

MOST_MS = 253_402_300_799_999
"""Latest time of a result: the end of the year 9999."""


def _without_run_id(value: Any) -> Any:
    """Return a snapshot as JSON without its `run_id`, which follows from the rest of it."""
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if name != "run_id"}
    return value


class Record(FrozenModel):
    """Result of a stage for one case.

    Attributes:
        dataset_id, case_id, case_key: the case, as it is named elsewhere.
        digest: 32 hex digits that stand for the content of the case.
        finished_ms: when the result was made, in milliseconds since 1970 UTC.
        attempts: the failed tries before it.
    """

    dataset_id: str
    case_id: str
    case_key: str
    digest: str = Field(pattern=r"^[0-9a-f]{32}$")
    finished_ms: int = Field(ge=0, le=MOST_MS)
    attempts: list[dict[str, JSONValue]] = Field(default_factory=list)


class GenerationRecord(Record):
    """One candidate of a case.

    Attributes:
        candidate_index: its number, from 0.
        result: the candidate.
    """

    candidate_index: int = Field(ge=0)
    result: GenerationResult


class LaterRecord(Record):
    """Result of a stage after the generation.

    Attributes:
        made_of: 32 hex digits that stand for the candidates of the case, which the result was made of.
    """

    made_of: str = Field(pattern=r"^[0-9a-f]{32}$")


class ReductionRecord(LaterRecord):
    """The candidate that the candidates of a case were reduced to.

    Attributes:
        kept: the indexes of the candidates that a selector kept; None without a selector.
        result: the reduced candidate; without a reducer the first one that was kept.
    """

    kept: list[int] | None = None
    result: ReducedCandidate


class ParseRecord(LaterRecord):
    """The value that was read from the answer of a case.

    Attributes:
        item: the number of the parse within its case; 0 is that of the reduced candidate.
        result: the value; without a parser the candidate's output.
    """

    item: int = Field(default=0, ge=0)
    result: ParsedOutput


class ScoreRecord(LaterRecord):
    """The score that a metric gave a case.

    Attributes:
        item: the number of the score within its case; that of the reduced candidate is the metric's position.
        metric_id: the metric.
        value: the score; None for an answer that is left out.
        category: why the metric was not called: `no_answer`, or how an answer ended that is left out.
        details: facts that the metric added.
    """

    item: int = Field(ge=0)
    metric_id: str
    value: float | None
    category: str | None = None
    details: dict[str, JSONValue] = Field(default_factory=dict)


class EvaluationRecord(ScoreRecord):
    """The score that a metric gave a case by asking judges.

    Attributes:
        category: why no judge was asked: `no_answer`, or how an answer ended that is left out; or
            `evaluation_partial_failure`, when some of the calls failed.
        execution: the calls of judges, what they said, and what that came to; None when no judge was asked.
    """

    execution: EvaluationExecution | None = None


class Bundle(FrozenModel):
    """Results of one stage of a run.

    Attributes:
        schema_version: of this form.
        run_id: the run; it follows from the snapshot.
        snapshot: the run, frozen.
        case_digests: for each dataset the digests of all its cases, 32 hex digits each, which its content follows from.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    snapshot: Annotated[RunSnapshot, BeforeValidator(_without_run_id)]
    case_digests: list[str]


class GenerationBundle(Bundle):
    """The candidates of a run."""

    records: list[GenerationRecord]


class ReductionBundle(Bundle):
    """The reduced candidates of a run."""

    records: list[ReductionRecord]


class ParseBundle(Bundle):
    """The parsed answers of a run."""

    records: list[ParseRecord]


class ScoreBundle(Bundle):
    """The scores of a run."""

    records: list[ScoreRecord]


class EvaluationBundle(Bundle):
    """The scores of a run's metrics that ask judges."""

    records: list[EvaluationRecord]
