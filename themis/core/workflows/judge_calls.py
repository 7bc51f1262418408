"""Values of one call of a judge: the call, its prompt, the response and what was read of it."""

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.models import ConversationTrace


class JudgeCall(FrozenModel):
    """One question that a workflow asks a judge.

    Attributes:
        call_id: unique within the workflow, and the same whenever the workflow is built again.
        judge_model_id: the judge, by the id under which the experiment names it.
        dimension_id: what is judged, where a workflow judges several things; a point of a rubric, say.
        repeat_index: which of several equal questions this is; from 0.
        candidate_indices: the candidates in the order in which they are shown, by their positions in the subject.
        effective_seed: the seed of the call; None in what a workflow builds, since Themis derives it.
        metadata: whatever the workflow needs to render the prompt and to read the response.
    """

    call_id: str
    judge_model_id: str
    dimension_id: str | None = None
    repeat_index: int = 0
    candidate_indices: list[int] = Field(default_factory=list)
    effective_seed: int | None = None
    metadata: dict[str, JSONValue] = Field(default_factory=dict)


class RenderedJudgePrompt(FrozenModel):
    """The prompt of one call.

    Attributes:
        prompt_id: names the prompt among those of its workflow.
        content: the text, or what else the judge takes.
        metadata: facts about the prompt which the judge's model does not see.
    """

    prompt_id: str
    content: JSONValue
    metadata: dict[str, JSONValue] = Field(default_factory=dict)


class JudgeResponse(FrozenModel):
    """Response of a judge to one prompt.

    Attributes:
        judge_model_id, judge_model_version, judge_model_fingerprint: the judge that responded.
        raw_response: what it said, usually a text.
        effective_seed: the seed that it used; None when it used none.
        token_usage: counts by kind, with the keys of `GenerationResult.token_usage`.
        latency_ms: the response time in milliseconds.
        provider_request_id: the id under which the provider knows the request.
        retry_history: the failed tries before this response, oldest first.
        conversation_trace: the messages exchanged.
    """

    judge_model_id: str
    judge_model_version: str | None = None
    judge_model_fingerprint: str | None = None
    raw_response: JSONValue
    effective_seed: int | None = None
    token_usage: dict[str, int] | None = None
    latency_ms: float | None = None
    provider_request_id: str | None = None
    retry_history: list[dict[str, JSONValue]] = Field(default_factory=list)
    conversation_trace: ConversationTrace | None = None


class ParsedJudgment(FrozenModel):
    """The verdict that was read from a response.

    Attributes:
        label: the verdict as a word, such as `PASS`, `A` or `tie`.
        score: the verdict as a number.
        rationale: the judge's reasons.
        details: whatever `aggregate` needs beside them.
    """

    label: str | None = None
    score: float | None = None
    rationale: str | None = None
    details: dict[str, JSONValue] = Field(default_factory=dict)
