"""Parser that ends a text where a model begins to write something else."""

from collections.abc import Sequence

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.contexts import ParseContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import ParsedOutput, ReducedCandidate


class Until(BuiltinComponent):
    """Takes the text before the first of some words, such as "Question:".

    A model that only completes texts continues after its answer with a question of its own, whose answer is not meant.
    These are the words that a stop sequence of the provider would be; read here, they hold for every provider. None
    when nothing stands before them.
    """

    component_id = "builtin/until"

    def __init__(self, stop: Sequence[str]) -> None:
        """Take the words; upper and lower case differ.

        Raises:
            InvalidArgumentError: `stop` is not a list of texts, or one of them is empty.
        """
        if not isinstance(stop, list | tuple) or not stop or not all(isinstance(word, str) and word for word in stop):
            raise InvalidArgumentError(
                argument="stop", detail=f"must be a list of texts such as Question:, not {stop!r}"
            )
        self._stop = list(stop)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The words."""
        return {"stop": [*self._stop]}

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the output before the first of the words."""
        text = text_of(candidate.final_output) or ""
        ends = [place for word in self._stop if (place := text.find(word)) >= 0]
        return ParsedOutput(value=text[: min(ends, default=len(text))].strip() or None, format="text")
