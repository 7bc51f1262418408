"""What a component is told about the run around its call."""

from typing import Any

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.models import Case, ParsedOutput
from themis.core.prompts import PromptSpec


class _CaseContext(FrozenModel):
    """The run and the case that a call is for; `case_key` tells apart equal case ids of two datasets."""

    run_id: str
    case_id: str
    dataset_id: str | None = None
    case_key: str | None = None


class GenerateContext(_CaseContext):
    """For `Generator.generate`; `seed` belongs to this candidate."""

    seed: int | None = None
    prompt_spec: PromptSpec | None = None
    metadata: dict[str, JSONValue] = Field(default_factory=dict)


class SelectContext(_CaseContext):
    """For `CandidateSelector.select`; `judge_models` are live objects."""

    candidate_ids: list[str] = Field(default_factory=list)
    seed: int | None = None
    metadata: dict[str, JSONValue] = Field(default_factory=dict)
    judge_models: list[Any] = Field(default_factory=list)


class ReduceContext(_CaseContext):
    """For `CandidateReducer.reduce`."""

    candidate_ids: list[str] = Field(default_factory=list)
    seed: int | None = None
    metadata: dict[str, JSONValue] = Field(default_factory=dict)


class ParseContext(_CaseContext):
    """For `Parser.parse`."""

    candidate_id: str | None = None
    metadata: dict[str, JSONValue] = Field(default_factory=dict)


class ScoreContext(FrozenModel):
    """For `PureMetric.score`."""

    run_id: str
    case: Case
    parsed_output: ParsedOutput
    dataset_id: str | None = None
    case_key: str | None = None
    dataset_metadata: dict[str, str] = Field(default_factory=dict)
    seed: int | None = None
