"""Parser that leaves the output unchanged."""

from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate


class JsonIdentity(BuiltinComponent):
    """Takes the output as it is; a text that holds JSON stays a text."""

    component_id = "builtin/json_identity"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the output unchanged."""
        return ParsedOutput(value=candidate.final_output, format="json")
