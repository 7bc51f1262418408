"""A parser that makes a text of any output."""

from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate


class Text(BuiltinComponent):
    """Takes the output as text without the space around it; what is not a text becomes its JSON."""

    component_id = "builtin/text"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """The output as text; None when there is no output."""
        text = text_of(candidate.final_output)
        return ParsedOutput(value=None if text is None else text.strip(), format="text")
