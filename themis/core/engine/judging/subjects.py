"""Subjects of judgement: what a metric of each family is asked about."""

from themis.core.components.metric_families import LLM, SELECTION
from themis.core.engine.cases.one_evaluation import CaseEvaluation
from themis.core.models import ConversationTrace, GenerationResult, ReducedCandidate, WorkflowTrace
from themis.core.subjects import CandidateSetSubject, ConversationSubject, Subject, TraceSubject


def subject_of(family: str, case: CaseEvaluation) -> Subject:
    """Return what a metric of a family is asked about.

    Raises:
        ValueError: the case has no such thing: only one candidate, or neither a trace nor a conversation.
    """
    if family == LLM:
        return CandidateSetSubject(candidates=[case.reduced])
    candidates = case.work.candidates or []
    if family == SELECTION:
        if len(candidates) < 2:  # noqa: PLR2004  # there is nothing to select from one
            msg = "there is one candidate, and a selection metric compares two or more"
            raise ValueError(msg)
        return CandidateSetSubject(candidates=list(candidates))
    winner = winner_of(case.reduced, candidates)
    trace_id = f"{case.work.case_key}#{candidates.index(winner)}"
    if winner.trace is not None:
        return TraceSubject(trace=WorkflowTrace(trace_id=trace_id, steps=winner.trace))
    if winner.conversation is not None:
        return ConversationSubject(conversation=ConversationTrace(trace_id=trace_id, messages=winner.conversation))
    msg = f"candidate {winner.candidate_id!r} has neither a trace nor a conversation"
    raise ValueError(msg)


def winner_of(reduced: ReducedCandidate, candidates: list[GenerationResult]) -> GenerationResult:
    """Return the candidate that a reduced one comes from: the first source with its output, else the first source."""
    sources = [candidate for candidate in candidates if candidate.candidate_id in reduced.source_candidate_ids]
    same = [candidate for candidate in sources or candidates if candidate.final_output == reduced.final_output]
    return (same or sources or candidates)[0]
