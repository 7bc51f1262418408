"""Parser that takes the calls of tools out of an output."""

from themis.core.builtins.answers.tool_calls import calls_in
from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import ParseContext
from themis.core.models import TOOL_CALLS, ParsedOutput, ReducedCandidate


class ToolCalls(BuiltinComponent):
    """Takes the calls that a model asks for, as a list of `{name, arguments}`.

    They are those of the message that the output is the text of, where the model wrote a text beside them; else those
    in the output itself: a list of calls, messages, an object with `tool_calls`, JSON in a text, or
    `<tool_call>{…}</tool_call>`. The shapes of OpenAI, Anthropic and LangChain are known. None when there are no calls.
    """

    component_id = "builtin/tool_calls"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the calls."""
        calls = calls_in(candidate.metadata.get(TOOL_CALLS)) or calls_in(candidate.final_output)
        return ParsedOutput(value=[*calls] or None, format="tool_calls")
