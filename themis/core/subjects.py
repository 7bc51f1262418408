"""Subjects of judgement: what a judge-backed metric is asked about."""

from typing import ClassVar

from pydantic import Field

from themis.core.base import FrozenModel
from themis.core.models import ConversationTrace, GenerationResult, ReducedCandidate, WorkflowTrace


class CandidateSetSubject(FrozenModel):
    """Candidates of one case: the reduced one alone for an LLM metric, all generated ones for a selection metric.

    Attributes:
        candidates: at least one, in the order in which they were generated.
    """

    kind: ClassVar[str] = "candidate_set"

    candidates: list[ReducedCandidate | GenerationResult] = Field(min_length=1)


class TraceSubject(FrozenModel):
    """The steps that led to a candidate."""

    kind: ClassVar[str] = "trace"

    trace: WorkflowTrace


class ConversationSubject(FrozenModel):
    """The messages exchanged for a candidate."""

    kind: ClassVar[str] = "conversation"

    conversation: ConversationTrace


Subject = CandidateSetSubject | TraceSubject | ConversationSubject
"""What a judge-backed metric is asked about."""
