"""Stand-ins for a stage that an experiment leaves out."""

from collections.abc import Sequence
from typing import Any

from themis.core.models import CONTINUATIONS, TOOL_CALLS, GenerationResult, ParsedOutput, ReducedCandidate


class _OfChecked(ReducedCandidate):
    """Model by which a candidate of checked values is made: they are a generation's, and need no second check."""

    candidate_id: Any
    source_candidate_ids: Any
    final_output: Any


_validate = _OfChecked.__pydantic_validator__.validate_python


def first_candidate(candidates: Sequence[GenerationResult]) -> ReducedCandidate:
    """Reduce to the first candidate, when there is no reducer; continuations, and calls beside a text, stay with it."""
    first = candidates[0]
    name, output, continuations = first.candidate_id, first.final_output, first.continuations
    document: dict[str, Any] = {"candidate_id": name, "source_candidate_ids": [name], "final_output": output}
    if continuations is not None:
        document["metadata"] = {CONTINUATIONS: [score.model_dump() for score in continuations]}
    elif isinstance(output, str) and (calls := _calls_beside(first)):
        document["metadata"] = {TOOL_CALLS: calls}
    reduced: ReducedCandidate = _validate(document, self_instance=ReducedCandidate.__new__(ReducedCandidate))
    return reduced


def _calls_beside(result: GenerationResult) -> Any:
    """Return the calls of tools in the last message of a conversation, which the output is only the text of."""
    last = result.conversation[-1] if result.conversation else None
    content = last.content if last is not None and last.role == "assistant" else None
    return content.get(TOOL_CALLS) if isinstance(content, dict) else None


def whole_output(candidate: ReducedCandidate) -> ParsedOutput:
    """Parse to the candidate's whole output, when there is no parser; its continuations are kept with it."""
    if CONTINUATIONS in candidate.metadata:
        return ParsedOutput(value=candidate.final_output, metadata={CONTINUATIONS: candidate.metadata[CONTINUATIONS]})
    return ParsedOutput(value=candidate.final_output)
