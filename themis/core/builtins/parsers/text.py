"""Parser that turns any output into a text."""

from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate


class Text(BuiltinComponent):
    """Takes the output as text without surrounding space; any other value becomes its JSON."""

    component_id = "builtin/text"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the output as text; None when there is no output."""
        text = text_of(candidate.final_output)
        return ParsedOutput(value=None if text is None else text.strip(), format="text")
