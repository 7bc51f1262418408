"""One call of a workflow on its way: its prompt, the answer, and what was read of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from themis.core.contexts import EvalScoreContext
from themis.core.engine.component_failures import line_of
from themis.core.engine.judging.judges import Answer
from themis.core.identity.derived_seeds import call_seed
from themis.core.models import Score, TraceStep
from themis.core.workflows import JudgeCall, ParsedJudgment, RenderedJudgePrompt, WorkflowFailure


@dataclass(slots=True)
class CallRun:
    """One call on its way, or the call that repairs it.

    Attributes:
        context: that of the call, with its seed.
        repair: the call whose judgment takes the place of this one's.
        error: why it failed.
        ended: when its judge had answered, or failed for good.
    """

    call: JudgeCall
    context: EvalScoreContext
    prompt: RenderedJudgePrompt | None = None
    answer: Answer | None = None
    judgment: ParsedJudgment | None = None
    score: Score | None = None
    repair: "CallRun | None" = None
    failure: WorkflowFailure | None = None
    error: BaseException | None = None
    ended: datetime | None = None

    @property
    def last(self) -> "CallRun":
        """The repair if there is one, else this."""
        return self.repair or self

    def fail(self, step_type: str, error: BaseException, history: list[dict[str, Any]] | None = None) -> None:
        """Note the step that failed."""
        call_id = self.call.call_id
        self.error = error
        self.failure = WorkflowFailure(
            call_id=call_id,
            step_id=f"{call_id}/{step_type}",
            step_type=step_type,
            error_message=line_of(error),
            retry_history=history or [],
        )

    def step(self) -> TraceStep:
        """Return the step of the workflow's trace for this call."""
        output = {} if self.judgment is None else self.judgment.model_dump(mode="json", include={"label", "score"})
        if self.failure is not None:
            output = {"error": self.failure.error_message}
        source = {} if self.answer is None else {"response": self.answer.source}
        return TraceStep(
            step_name=self.call.call_id,
            step_type="judge_call",
            input={} if self.prompt is None else {"prompt_id": self.prompt.prompt_id},
            output=output,
            metadata={"judge_model_id": self.call.judge_model_id, **source},
            timestamp=self.ended,
        )


def seeded(call: JudgeCall, context: EvalScoreContext) -> CallRun:
    """Return a call that is to be made, with its seed, which follows from that of `context`."""
    seed = call_seed(context.judge_seed or 0, call)
    return CallRun(call.model_copy(update={"effective_seed": seed}), replace(context, judge_seed=seed))
