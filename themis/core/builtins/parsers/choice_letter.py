"""Parser that finds the letter that a text chooses."""

from typing import Literal

from themis.core.base import JSONValue
from themis.core.builtins.answers.choice_text import chosen_letter
from themis.core.builtins.answers.reasoning_blocks import without_blocks
from themis.core.builtins.arguments import one_of
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.models import ParsedOutput, ReducedCandidate

Which = Literal["last", "first"]


class ChoiceLetter(BuiltinComponent):
    r"""Takes the last stand-alone letter A to Z that the text gives as its answer, in upper case.

    In this order count: a text that is only a letter; the last letter that the text calls its answer ("answer is
    (B)", "I choose B", `\boxed{B}`, "B is correct", "答案是B"); the last that it concludes with ("so B.", "I think it
    is B"); one that it begins with, as the label of an option ("B) 42"); one that it ends with ("… is (B)."). None when
    there is no such letter, or when two are named together ("A or B"). A letter that merely occurs is not an answer.
    Reasoning before the answer, such as `<think>…</think>`, is left out, as `builtin/strip_reasoning` does.
    """

    component_id = "builtin/choice_letter"
    version = "3"

    def __init__(self, which: Which = "last") -> None:
        """Take the `last` answer, or the `first`: for base models, which answer and then continue with other questions.

        Raises:
            InvalidArgumentError: `which` is neither of them.
        """
        self._which = one_of("which", which, Which)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The choice among several answers."""
        return {"which": self._which}

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the letter that the output chooses."""
        text = without_blocks(text_of(candidate.final_output) or "")
        return ParsedOutput(value=chosen_letter(text, first=self._which == "first"), format="choice")
