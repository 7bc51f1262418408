"""What stands in for a stage that an experiment leaves out."""

from collections.abc import Sequence

from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate


def first_candidate(candidates: Sequence[GenerationResult]) -> ReducedCandidate:
    """Without a reducer the first candidate passes."""
    first = candidates[0]
    return ReducedCandidate.model_validate(
        {
            "candidate_id": first.candidate_id,
            "source_candidate_ids": [first.candidate_id],
            "final_output": first.final_output,
        }
    )


def whole_output(candidate: ReducedCandidate) -> ParsedOutput:
    """Without a parser the candidate's output passes."""
    return ParsedOutput(value=candidate.final_output)
