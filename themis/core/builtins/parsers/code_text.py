"""Parser that extracts the code from an answer."""

from themis.core.base import JSONValue
from themis.core.builtins.answers.fenced_block import last_fenced_block
from themis.core.builtins.answers.reasoning_blocks import without_blocks
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

_KEYS = ("code", "solution", "answer")


class CodeText(BuiltinComponent):
    """Takes the content of the last fenced block, else the whole text, with its indentation.

    Reasoning before the answer, such as `<think>…</think>`, is left out, as `builtin/strip_reasoning` does.

    An output that is an object is read by the first of its keys `code`, `solution` and `answer` that holds a text.
    The content of a block that is itself indented, as in a list, loses that much indentation. An unfinished last
    block counts when it holds anything. A text of only space is not code: None.
    """

    component_id = "builtin/code_text"
    version = "4"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the code in the output."""
        text = text_of(_written(candidate.final_output))
        text = None if text is None else without_blocks(text)
        code = None if text is None else last_fenced_block(text)
        if code is None:
            code = text
        return ParsedOutput(value=code if code and not code.isspace() else None, format="code")


def _written(output: JSONValue) -> JSONValue:
    """Return the code in an output that is an object; any other output unchanged."""
    if not isinstance(output, dict):
        return output
    texts = [text for key in _KEYS if isinstance(text := output.get(key), str) and text.strip()]
    return texts[0] if texts else output
