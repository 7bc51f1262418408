"""Parsers that are made of others: the first that finds something, and one after another."""

from collections.abc import Sequence
from typing import Any, ClassVar

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent, identity_of, is_blank
from themis.core.contexts import ParseContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import ParsedOutput, ReducedCandidate


class _CombinedParser(BuiltinComponent):
    """A parser made of others."""

    component_arguments: ClassVar[dict[str, str]] = {"parsers": "parser"}

    def __init__(self, parsers: Sequence[Any]) -> None:
        """Take the parsers in order.

        Raises:
            InvalidArgumentError: it is not a list of parsers, or an empty one.
        """
        if not isinstance(parsers, list | tuple) or not parsers:
            raise InvalidArgumentError(argument="parsers", detail="must be a list of parsers, with one at least")
        for parser in parsers:
            if not callable(getattr(parser, "parse", None)):
                raise InvalidArgumentError(argument="parsers", detail=f"{parser!r} is not a parser: it has no parse")
        self.inner_components = list(parsers)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The identities of the parsers."""
        return {"parsers": [identity_of(parser) for parser in self.inner_components]}


class FirstOf(_CombinedParser):
    """Takes what the first parser gives that finds something.

    Nothing is None, or a text that is empty or only space. `metadata` hold the number of that parser, from 0, as
    `parser`. A parser that fails fails the parse: the later ones are not asked.
    """

    component_id = "builtin/first_of"

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:
        """Return the first value that is found; None when no parser finds any."""
        for number, parser in enumerate(self.inner_components):
            found: ParsedOutput = parser.parse(candidate, ctx)
            if found.value is not None and not is_blank(found.value):
                return found.model_copy(update={"metadata": {**found.metadata, "parser": number}})
        return ParsedOutput(value=None)


class Chain(_CombinedParser):
    """Gives each parser what the one before it found; the last one's value is the value.

    It ends where one finds nothing: the value is None. A vote takes the ballots of the last parser.
    """

    component_id = "builtin/chain"

    def __init__(self, parsers: Sequence[Any]) -> None:
        """Take the parsers in order.

        Raises:
            InvalidArgumentError: it is not a list of parsers, or an empty one.
        """
        super().__init__(parsers)
        ballot = getattr(self.inner_components[-1], "ballot", None)
        if ballot is not None:
            self.ballot = ballot

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:
        """Return what the last parser finds."""
        metadata: dict[str, JSONValue] = {}
        found = ParsedOutput(value=candidate.final_output)
        for parser in self.inner_components:
            found = parser.parse(candidate.model_copy(update={"final_output": found.value}), ctx)
            metadata |= found.metadata
            if found.value is None:
                break
        return found.model_copy(update={"metadata": metadata})
