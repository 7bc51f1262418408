"""Configuration of an experiment, and its only validation."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from themis.core.base import FrozenModel, JSONValue, Labels, Name, check_json_at
from themis.core.dataset_config import DatasetFile, DatasetLoader, DatasetOnHub, DatasetSpec, without_nul
from themis.core.outcomes.answer_ends import AnswerEnd
from themis.core.outcomes.items import MOST_METRICS, MOST_VIEWS
from themis.core.outcomes.stages import CONCURRENCY_KEYS
from themis.core.prompt_config import PromptConfig
from themis.core.prompts import PromptSpec
from themis.core.text.run_names import checked_labels, checked_name
from themis.core.values.adaptive import AdaptiveConfig
from themis.core.values.batch import BatchConfig
from themis.core.values.bounded_numbers import Count, Delay, Factor, PositiveCount, PositiveSeconds, Rate, Seed, Share
from themis.core.values.breaker import BreakerConfig
from themis.core.values.budget import BudgetConfig
from themis.core.values.tags import checked as checked_tags
from themis.core.values.tracing import Tracing
from themis.core.values.view_names import checked as checked_views

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN_ID = re.compile(r"[\w./-]{1,100}")


def checked_component(value: Any) -> Any:
    """Check a reference (`id`, `package.module:name`, `{use, with}`) or a live object, and return it unchanged.

    Raises:
        ValueError: it is not one of them; the message says why.
    """
    if isinstance(value, str) and not value.strip():
        msg = "a component reference cannot be empty"
        raise ValueError(msg)
    if isinstance(value, dict):
        if not isinstance(value.get("use"), str) or not value["use"].strip():
            msg = "a component mapping needs `use: <id or package.module:name>`"
            raise ValueError(msg)
        if unknown := sorted(set(value) - {"use", "with", "as"}):
            msg = f"a component mapping holds only `use`, `with` and `as`, not {unknown[0]!r}"
            raise ValueError(msg)
        if "as" in value and (not isinstance(value["as"], str) or not _SHOWN_ID.fullmatch(value["as"])):
            msg = f"`as` is an id of at most 100 letters, digits and ._/-, not {value['as']!r}"
            raise ValueError(msg)
        arguments = value.get("with", {})
        if not isinstance(arguments, dict) or not all(isinstance(name, str) for name in arguments):
            msg = "`with` must map argument names to values"
            raise ValueError(msg)
        check_json_at("with", arguments)
    elif value is None or isinstance(value, (bool, int, float, list, tuple, set)):
        msg = f"a component is an id, package.module:name, {{use, with, as}} or an object, not {value!r}"
        raise ValueError(msg)
    return value


_COMPONENT_SCHEMA = {
    "anyOf": [
        {"type": "string", "minLength": 1, "description": "built-in id, plug-in id or package.module:name"},
        {
            "type": "object",
            "properties": {
                "use": {"type": "string", "minLength": 1},
                "with": {"type": "object"},
                "as": {"type": "string", "minLength": 1, "description": "id of this metric or judge"},
            },
            "required": ["use"],
            "additionalProperties": False,
        },
    ]
}

ComponentSpec = Annotated[Any, AfterValidator(checked_component), WithJsonSchema(_COMPONENT_SCHEMA)]
"""A component as given by a user: a text, a `{use, with, as}` mapping, or a live object."""


Task = Literal["generate", "continuations"]
"""What a generator is asked: for an answer, or for the log-likelihoods of given continuations."""


class GenerationConfig(FrozenModel):
    """Settings for generating candidates and reducing them to one.

    Attributes:
        generator: generates the candidates.
        candidate_policy: how many (`num_samples`, `pass_k`, `best_of`, `self_consistency_count`: the largest counts).
        prompt_spec: the prompt around a case's input.
        prompt: the prompt as templates over a case, with examples; excludes `prompt_spec`.
        selector: keeps some of the candidates.
        reducer: combines them into one; without it the first one is used.
        task: `generate` asks for an answer, `continuations` for the log-likelihood of each choice of a case.
        continuation: template of a continuation, with the name `choice`; a blank and the choice by default.
    """

    generator: ComponentSpec
    candidate_policy: dict[str, JSONValue] = Field(default_factory=dict)
    prompt_spec: PromptSpec | None = None
    prompt: PromptConfig | None = None
    selector: ComponentSpec | None = None
    reducer: ComponentSpec | None = None
    task: Task = "generate"
    continuation: str | None = None

    @model_validator(mode="after")
    def _continuation_of_that_task(self) -> Self:
        if self.continuation is not None and self.task != "continuations":
            msg = "`continuation` is for `task: continuations`"
            raise ValueError(msg)
        return self


OnNoAnswer = Literal["incorrect", "unscored", "random_choice"]
OnStop = Literal["score", "unscored"]


def _without_defaults(value: dict[AnswerEnd, OnStop]) -> dict[AnswerEnd, OnStop]:
    return {end: rule for end, rule in value.items() if rule != "score"}


OnStops = Annotated[dict[AnswerEnd, OnStop], AfterValidator(_without_defaults)]
"""Rule for each end of an answer; those that are scored like any other are not kept."""


ScoreCandidates = Literal["reduced", "each"]
"""Candidates of a case that are scored: the one candidate that is left, or each that was generated too."""


class ViewConfig(FrozenModel):
    """A further way to read and score the same answers; a metric is shown as `<view>/<metric>`.

    Attributes:
        parsers: at most one; without it the candidate's output is used as it is.
        metrics: each gives a score for each case.
    """

    parsers: list[ComponentSpec] = Field(default_factory=list, max_length=1)
    metrics: list[ComponentSpec] = Field(min_length=1, max_length=MOST_METRICS)


class EvaluationConfig(FrozenModel):
    """Settings for parsing and scoring the remaining candidate.

    Attributes:
        metrics: each gives a score for each case; `as` tells apart two of one component.
        parsers: at most one; without it the candidate's output is used as it is.
        score_candidates: `each` parses and scores every candidate too, not the `reduced` one alone.
        views: further ways to read and score the same answers, by name; their metrics ask no judge.
        judge_models: for metrics that ask a judge: the models that they ask; a generator can be one.
        prompt_spec: for metrics that ask a judge: the prompt around the question.
        judge_config: for metrics that ask a judge: settings of the call.
        workflow_overrides: for metrics that ask a judge: replacements for parts of their workflow.
        on_no_answer: the score of a case whose answer holds nothing that can be scored (a parsed value of
            None): `incorrect` is 0, `random_choice` the value of a guess; `unscored` leaves the case out.
        on_stop: for answers that were `truncated` by the length limit, `refused`, or `empty`: whether the metrics
            `score` them like any other, or they are left `unscored`. Either way they are counted.
    """

    metrics: list[ComponentSpec] = Field(default_factory=list, max_length=MOST_METRICS)
    parsers: list[ComponentSpec] = Field(default_factory=list, max_length=1)
    score_candidates: ScoreCandidates = "reduced"
    views: Annotated[dict[str, ViewConfig], AfterValidator(checked_views)] = Field(
        default_factory=dict, max_length=MOST_VIEWS
    )
    judge_models: list[ComponentSpec] = Field(default_factory=list)
    prompt_spec: PromptSpec | None = None
    judge_config: dict[str, JSONValue] = Field(default_factory=dict)
    workflow_overrides: dict[str, JSONValue] = Field(default_factory=dict)
    on_no_answer: OnNoAnswer = "incorrect"
    on_stop: OnStops = Field(default_factory=dict)


class StorageConfig(FrozenModel):
    """Storage: `store` is `memory`, `sqlite` (a file, `path`), `postgres` (`url`), or a registered kind."""

    store: str = Field(min_length=1)
    parameters: Annotated[dict[str, JSONValue], AfterValidator(without_nul)] = Field(default_factory=dict)


def _stage_keys(value: dict[str, int]) -> dict[str, int]:
    if unknown := sorted(set(value) - CONCURRENCY_KEYS):
        msg = f"{unknown[0]!r} is not a stage; stages are {', '.join(sorted(CONCURRENCY_KEYS))}"
        raise ValueError(msg)
    return value


def _environment(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            msg = f"{name!r} is not a valid variable name: letters, digits and _, not beginning with a digit"
            raise ValueError(msg)
        if "\0" in text:
            msg = f"{name} holds a NUL character, which an environment cannot hold"
            raise ValueError(msg)
    return value


CodeChanges = Literal["warn", "refuse", "ignore"]


class RuntimeConfig(FrozenModel):
    """Settings for carrying out a run; nothing here changes its identity.

    Attributes:
        max_concurrent_tasks: component calls in flight at once.
        stage_concurrency: the same for one stage (`generation`, `selection`, `reduction`, `parsing`, `scoring`,
            `evaluation`).
        provider_concurrency: the same for one provider, by the generator's `provider_key`.
        provider_rate_limits: requests per minute for one provider; there is no default limit.
        provider_token_limits: tokens per minute for one provider, input and output; there is no default limit.
        adaptive: concurrency that follows a provider's answers, for models with a `provider_key`; None for
            concurrency that only the other limits bound.
        request_timeout_s: seconds that one call of a generator or judge may last; then it fails for a transient cause.
        idle_timeout_s: seconds that a streamed answer may pause.
        case_timeout_s: seconds from the first try of a case's generation to its end, with all waiting; after that it
            fails with its last error. Without it a case waits as long as its provider throttles.
        generation_retry_attempts: total tries for one call that fails for a transient cause; a call that a provider
            throttles uses up none.
        generation_retry_delay: seconds before the second try; 0.5 by default for one with a `provider_key`.
        generation_retry_backoff: factor from one delay to the next.
        judge_retry_attempts, judge_retry_delay, judge_retry_backoff: the same for calls to a judge.
        breaker: stops a run whose cases fail one after the other.
        max_failed_share: share of the cases, from 0 to 1, of which more may not fail: else the run has failed.
        budget: US dollars and tokens that the run may use altogether; when they are used up it is cancelled.
        batch: sends the generations to the provider's batches; None for a request each.
        store_retry_attempts: retries when the database is busy.
        store_retry_delay: seconds before the first retry.
        existing_run_policy: `auto` continues or returns an existing run, `error` refuses, `rerun` starts from scratch.
        code_changes: what happens when the source of a component was edited under the same fingerprint, before stored
            results are used: `warn`, `refuse`, or `ignore`, which goes by the fingerprint alone.
        queue_root: folder that experiments are submitted to; `store` for the rows of the results store.
        batch_root: folder that batch requests are written to.
        max_attempts: tries of a queued experiment that fails.
        max_worker_lost: tries of a queued experiment whose worker dies.
        timeout_s: seconds that one try of a queued experiment may last.
        memory_limit_mb: memory that one try of a queued experiment may use.
        tags: all tags that a worker must have to take the queued experiment.
        environment: variables that a daemon's worker sets for the queued experiment; secrets are references.
        tracing: sends traces, metrics and scores by OpenTelemetry; None leaves it to the variable `THEMIS_TRACING`.
    """

    max_concurrent_tasks: PositiveCount = 32
    stage_concurrency: Annotated[dict[str, PositiveCount], AfterValidator(_stage_keys)] = Field(default_factory=dict)
    provider_concurrency: dict[str, PositiveCount] = Field(default_factory=dict)
    provider_rate_limits: dict[str, Rate] = Field(default_factory=dict)
    provider_token_limits: dict[str, Rate] = Field(default_factory=dict)
    adaptive: AdaptiveConfig | None = AdaptiveConfig()
    request_timeout_s: PositiveSeconds | None = None
    idle_timeout_s: PositiveSeconds | None = None
    case_timeout_s: PositiveSeconds | None = None
    generation_retry_attempts: PositiveCount = 3
    generation_retry_delay: Delay = 0.01
    generation_retry_backoff: Factor = 2.0
    judge_retry_attempts: PositiveCount = 3
    judge_retry_delay: Delay = 0.01
    judge_retry_backoff: Factor = 2.0
    breaker: BreakerConfig = BreakerConfig()
    max_failed_share: Share | None = None
    budget: BudgetConfig | None = None
    batch: BatchConfig | None = None
    store_retry_attempts: Count = 5
    store_retry_delay: Delay = 0.01
    existing_run_policy: Literal["auto", "error", "rerun"] = "auto"
    code_changes: CodeChanges = "warn"
    queue_root: Annotated[str | None, AfterValidator(without_nul)] = None
    batch_root: Annotated[str | None, AfterValidator(without_nul)] = None
    max_attempts: PositiveCount = 3
    max_worker_lost: PositiveCount = 3
    timeout_s: PositiveSeconds | None = None
    memory_limit_mb: PositiveCount | None = None
    tags: Annotated[list[str], AfterValidator(lambda tags: list(checked_tags(tags)))] = Field(default_factory=list)
    environment: Annotated[dict[str, str], AfterValidator(_environment)] = Field(default_factory=dict)
    tracing: Tracing = None


class ExperimentConfig(FrozenModel):
    """Content of a config file, key by key; `name` and `labels` are for people, who find the run by them."""

    generation: GenerationConfig
    evaluation: EvaluationConfig
    storage: StorageConfig
    runtime: RuntimeConfig = RuntimeConfig()
    datasets: list[DatasetSpec] = Field(default_factory=list)
    seeds: list[Seed] = Field(default_factory=list)
    environment_metadata: Labels = Field(default_factory=dict)
    name: Annotated[Name, AfterValidator(checked_name)] | None = None
    labels: Annotated[Labels, AfterValidator(checked_labels)] = Field(default_factory=dict)


__all__ = [
    "DatasetFile",
    "DatasetLoader",
    "DatasetOnHub",
    "EvaluationConfig",
    "ExperimentConfig",
    "GenerationConfig",
    "RuntimeConfig",
    "StorageConfig",
]
