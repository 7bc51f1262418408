"""Parser that finds an answer by a regular expression."""

from typing import ClassVar, Literal

from themis.core.base import JSONValue
from themis.core.builtins.arguments import one_of
from themis.core.builtins.component import BuiltinComponent, text_of
from themis.core.builtins.patterns import Pattern
from themis.core.contexts import ParseContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import ParsedOutput, ReducedCandidate

Which = Literal["last", "first"]


class Regex(BuiltinComponent):
    """Takes what the group of a regular expression matches, without space around it; else the whole match.

    None when it matches nowhere, when its group takes part in no match, and when that is only space.
    """

    component_id = "builtin/regex"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"regex": {}}

    def __init__(self, pattern: str, which: Which = "last", flags: str = "") -> None:
        """Take the last match, or the first.

        Args:
            pattern: the expression, as in Python's `re`, with one group or none; `(?:…)` groups without being one.
            which: `last` or `first`.
            flags: any of the letters `i` (case does not count), `m` (`^` and `$` match at each line), `s` (`.` matches
                line breaks), `x` (space and comments in the pattern do not count) and `a` (words are of ASCII letters).

        Raises:
            InvalidArgumentError: the pattern cannot be read or has several groups, or another argument is unknown.
            MissingExtraError: the package regex is not installed.
        """
        self._first = one_of("which", which, Which) == "first"
        self._arguments: dict[str, JSONValue] = {"pattern": pattern, "which": which, "flags": flags}
        self._pattern = Pattern(pattern, flags, component_id=self.component_id)
        if self._pattern.groups > 1:
            detail = f"must have one group, not {self._pattern.groups}; write (?:…) for the others"
            raise InvalidArgumentError(argument="pattern", detail=detail)

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The expression, its flags, and the choice among several matches."""
        return self._arguments

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return what the group matches in the output.

        Raises:
            PatternTimeError: the search does not end in time.
        """
        found: str | None = None
        for match in self._pattern.matches(text_of(candidate.final_output) or ""):
            text = match[self._pattern.groups]
            if text is not None:
                found = text
                if self._first:
                    break
        return ParsedOutput(value=(found or "").strip() or None, format="text")
