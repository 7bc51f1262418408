"""A parser."""

from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate


class LastWord:
    """Takes the last word of an answer, without the full stop after it."""

    component_id = "mylab/last_word"
    version = "1"

    def fingerprint(self) -> str:
        """Return what decides a value, beside the version."""
        return "last word"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002
        """Return the last word; None, which is not an answer, when there is none."""
        words = str(candidate.final_output).split()
        return ParsedOutput(value=words[-1].rstrip(".") if words else None)
