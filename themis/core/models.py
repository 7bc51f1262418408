"""Values that users write and read: cases, generations, parsed outputs, scores."""

from datetime import datetime

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue, Labels, Name

CONTINUATIONS = "continuations"
"""Key of log-likelihoods among the metadata of a reduced candidate, and of what is parsed of it."""

TOOL_CALLS = "tool_calls"
"""Key of the calls of tools that came with a text, among the metadata of a reduced candidate."""


class Case(FrozenModel):
    """One example of a dataset.

    Attributes:
        case_id: unique within its dataset.
        input: the generator's input.
        expected_output: the value that a metric compares with; None when there is none.
        metadata: labels that are kept with the case.

    An id or a label given as a number becomes its text.
    """

    case_id: Name
    input: JSONValue
    expected_output: JSONValue = None
    metadata: Labels = Field(default_factory=dict)


class Dataset(FrozenModel):
    """Cases listed in full, with an identity. For cases in a file see `themis.core.datasets`."""

    dataset_id: Name
    cases: list[Case] = Field(default_factory=list)
    revision: str | None = None
    metadata: Labels = Field(default_factory=dict)


class Message(FrozenModel):
    """One turn of a conversation; `role` is the provider's word (`user`, `assistant`, …)."""

    role: str
    content: JSONValue


class TraceStep(FrozenModel):
    """One step that a generator or a workflow took."""

    step_name: str
    step_type: str
    input: dict[str, JSONValue] = Field(default_factory=dict)
    output: dict[str, JSONValue] = Field(default_factory=dict)
    metadata: dict[str, JSONValue] = Field(default_factory=dict)
    timestamp: datetime | None = None


class ContinuationScore(FrozenModel):
    """Log-likelihood of one continuation of a context.

    Attributes:
        text: the continuation.
        log_likelihood: natural logarithm of the probability of its tokens after the context: the sum over its tokens.
        tokens: number of tokens in that sum.
        characters, utf8_bytes: length of their text: all of the continuation, unless it begins a text, whose first
            token has no probability.
        is_greedy: whether each token is the likeliest one at its place; None when that is not known.
    """

    text: str
    log_likelihood: float
    tokens: int
    characters: int
    utf8_bytes: int
    is_greedy: bool | None = None


class GenerationResult(FrozenModel):
    """Result of a generator for one candidate.

    Attributes:
        candidate_id: the generator's name for it; ids may repeat, Themis identifies candidates by index.
        final_output: the output that later stages work on.
        trace: the steps that led to it.
        conversation: the messages exchanged.
        artifacts: anything else worth keeping (raw response, request id, …).
        token_usage: counts by kind: `prompt_tokens` (those of `cached_tokens` and `cache_write_tokens` among them, and
            among the latter those of `cache_write_1h_tokens`) and `completion_tokens` (those of `reasoning_tokens`
            among them).
        latency_ms: the model's response time in milliseconds.
        finish_reason: how the answer ended: `stop`, `length`, `tool_calls`, `content_filter`, `refusal`, or the
            provider's word.
        reasoning: what the model thought before its answer, which no parser sees.
        served_model: the model that answered, by the provider's name.
        continuations: log-likelihoods of the continuations that were asked about, in order; None where an answer was.
    """

    candidate_id: str
    final_output: JSONValue
    trace: list[TraceStep] | None = None
    conversation: list[Message] | None = None
    artifacts: dict[str, JSONValue] | None = None
    token_usage: dict[str, int] | None = None
    latency_ms: float | None = None
    finish_reason: str | None = None
    reasoning: str | None = None
    served_model: str | None = None
    continuations: list[ContinuationScore] | None = None


class ReducedCandidate(FrozenModel):
    """The one candidate that a reducer made from several."""

    candidate_id: str
    source_candidate_ids: list[str] = Field(default_factory=list)
    final_output: JSONValue
    metadata: dict[str, JSONValue] = Field(default_factory=dict)


class ParsedOutput(FrozenModel):
    """Value that a parser read from a candidate; a `value` of None means that there was nothing to read."""

    value: JSONValue
    format: str | None = None
    metadata: dict[str, JSONValue] = Field(default_factory=dict)

    @property
    def continuations(self) -> list[ContinuationScore]:
        """The log-likelihoods of the case's continuations, in order; none where an answer was generated."""
        found = self.metadata.get(CONTINUATIONS)
        return [ContinuationScore.model_validate(score) for score in found] if isinstance(found, list) else []


class Score(FrozenModel):
    """A metric's finite number for one case."""

    metric_id: str
    value: float
    details: dict[str, JSONValue] = Field(default_factory=dict)


class ScoreError(FrozenModel):
    """A metric's statement that it cannot score this case: the score is absent, not 0."""

    metric_id: str
    reason: str
    retryable: bool = False
    details: dict[str, JSONValue] = Field(default_factory=dict)


class WorkflowTrace(FrozenModel):
    """The steps of one candidate under one id."""

    trace_id: str
    steps: list[TraceStep] = Field(default_factory=list)


class ConversationTrace(FrozenModel):
    """The messages of one candidate under one id."""

    trace_id: str
    messages: list[Message] = Field(default_factory=list)
