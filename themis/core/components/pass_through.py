"""Stand-ins for a stage that an experiment leaves out."""

from collections.abc import Sequence

from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate


def first_candidate(candidates: Sequence[GenerationResult]) -> ReducedCandidate:
    """Reduce to the first candidate, when there is no reducer."""
    first = candidates[0]
    return ReducedCandidate.model_validate(
        {
            "candidate_id": first.candidate_id,
            "source_candidate_ids": [first.candidate_id],
            "final_output": first.final_output,
        }
    )


def whole_output(candidate: ReducedCandidate) -> ParsedOutput:
    """Parse to the candidate's whole output, when there is no parser."""
    return ParsedOutput(value=candidate.final_output)
