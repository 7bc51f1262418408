"""Contexts that components receive: facts about the run around their call.

These are plain values, neither validated nor frozen: only Themis creates them, three or more for every case, and frozen
ones take three times as long to create.
"""

from dataclasses import dataclass, field
from typing import Any

from themis.core.base import JSONValue
from themis.core.models import Case, ParsedOutput
from themis.core.prompts import PromptSpec


@dataclass(slots=True, kw_only=True)
class GenerateContext:
    """For `Generator.generate`.

    Attributes:
        case_key: tells apart equal case ids of two datasets.
        seed: of this candidate.
        seed_is_given: whether the experiment gives the seed; else it is derived.
        prompt_spec: the prompt around the case's input.
        idle_timeout_s: seconds that a streamed answer may pause; None for no limit.
    """

    run_id: str
    case_id: str
    dataset_id: str | None = None
    case_key: str | None = None
    seed: int | None = None
    seed_is_given: bool = False
    prompt_spec: PromptSpec | None = None
    idle_timeout_s: float | None = None
    metadata: dict[str, JSONValue] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SelectContext:
    """For `CandidateSelector.select`; `judge_models` are live objects."""

    run_id: str
    case_id: str
    dataset_id: str | None = None
    case_key: str | None = None
    candidate_ids: list[str] = field(default_factory=list)
    seed: int | None = None
    metadata: dict[str, JSONValue] = field(default_factory=dict)
    judge_models: list[Any] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class ReduceContext:
    """For `CandidateReducer.reduce`."""

    run_id: str
    case_id: str
    dataset_id: str | None = None
    case_key: str | None = None
    candidate_ids: list[str] = field(default_factory=list)
    seed: int | None = None
    metadata: dict[str, JSONValue] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ParseContext:
    """For `Parser.parse`."""

    run_id: str
    case_id: str
    dataset_id: str | None = None
    case_key: str | None = None
    candidate_id: str | None = None
    metadata: dict[str, JSONValue] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ScoreContext:
    """For `PureMetric.score`.

    Attributes:
        candidate_index: of the single candidate that is scored; None for the reduced one.
    """

    run_id: str
    case: Case
    parsed_output: ParsedOutput
    dataset_id: str | None = None
    case_key: str | None = None
    dataset_metadata: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    candidate_index: int | None = None


@dataclass(slots=True, kw_only=True)
class EvalScoreContext(ScoreContext):
    """For the metrics that ask a judge, and for their workflows.

    Attributes:
        judge_model_refs: the `ComponentRef` of each judge, in the order of `evaluation.judge_models`; `component_id` is
            the id under which the experiment names it.
        judge_seed: of the call that is being made, or from which those of all calls derive.
        prompt_spec, judge_config: those of `evaluation`.
        eval_workflow_config: `evaluation.workflow_overrides`.
    """

    judge_model_refs: list[Any] = field(default_factory=list)
    judge_seed: int | None = None
    prompt_spec: PromptSpec | None = None
    judge_config: dict[str, JSONValue] = field(default_factory=dict)
    eval_workflow_config: dict[str, JSONValue] = field(default_factory=dict)
