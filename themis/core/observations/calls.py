"""A call of a generator or a judge, as those see it who watch the run."""

from dataclasses import dataclass, field
from typing import Any

from themis.core.models import GenerationResult
from themis.core.observations.cases import ObservedCase


@dataclass(slots=True, kw_only=True, eq=False)
class ModelTry:
    """One try of a call.

    Attributes:
        began_at, ended_at: seconds since 1970 UTC; waiting for a limit is before the beginning.
        error: why it failed; None for a try that was answered.
    """

    began_at: float
    ended_at: float = 0.0
    error: BaseException | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class ModelCall:
    """A call of a generator or a judge that has ended, with its tries.

    Attributes:
        of: the case.
        model: the live generator or judge.
        asked: the case that a generator got, with its prompt; the prompt that a judge got.
        is_judge: whether it is a judge's.
        is_batched: whether the answer came in a batch; then there is no try.
        candidate_index: the candidate that was generated; None for a judge.
        metric_id: the metric that asked the judge; None for a generator, and where a selector asks.
        call_id: the judge's call within its workflow.
        seed: the seed that the call may send; None for a derived one of a generator.
        tries: its tries in order; all but the last one failed.
        result: what it returned, a `GenerationResult` or a `JudgeResponse`; None after a failure.
        generation: the answer of the generator that a judge asks; that of a generator itself.
        error: why it failed; None after an answer.
    """

    of: ObservedCase
    model: Any
    asked: Any
    is_judge: bool
    is_batched: bool = False
    candidate_index: int | None = None
    metric_id: str | None = None
    call_id: str | None = None
    seed: int | None = None
    tries: list[ModelTry] = field(default_factory=list)
    result: Any = None
    generation: GenerationResult | None = None
    error: BaseException | None = None
