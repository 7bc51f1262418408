"""Metric that matches the answer with a regular expression."""

from typing import ClassVar, Literal

from themis.core.base import JSONValue
from themis.core.builtins.answers.golds import texts_in
from themis.core.builtins.arguments import one_of
from themis.core.builtins.component import BuiltinMetric
from themis.core.builtins.patterns import Pattern
from themis.core.contexts import ScoreContext
from themis.core.errors import InvalidArgumentError, PatternTimeError
from themis.core.models import Case, ParsedOutput, Score, ScoreError

Match = Literal["search", "full"]

LONGEST_EXPECTED = 1_000
"""Characters of the longest expression that a case may bring."""


class RegexMatch(BuiltinMetric):
    """1 when a regular expression matches the answer, else 0.

    It is the `pattern` of the metric, or else that of the case: its expected output is an expression, or several of
    which one must match, given as for `builtin/f1`. It may match anywhere (`match: search`) or the whole answer
    without space around it (`match: full`). Each of several answers must match.
    """

    component_id = "builtin/regex_match"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"regex": {}}

    def __init__(self, *, pattern: str | None = None, match: Match = "search", flags: str = "") -> None:
        """Take an expression for all cases, or leave it to them.

        Args:
            pattern: the expression, as in Python's `re`.
            match: where it may match.
            flags: letters as `builtin/regex` takes them.

        Raises:
            InvalidArgumentError: the pattern or a flag cannot be read, or `match` is unknown.
            MissingExtraError: the package regex is not installed.
        """
        self._match = one_of("match", match, Match)
        self._flags = flags
        self._source = pattern
        self._pattern = self._compiled("." if pattern is None else pattern, "pattern")

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The expression, and how it is matched."""
        return {"pattern": self._source, "match": self._match, "flags": self._flags}

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score | ScoreError:  # noqa: ARG002  # protocol
        """Return 1 or 0; no score without an expression that can be read, or when matching takes too long."""
        answers = texts_in(parsed.value, "the parsed value")
        if isinstance(answers, str):
            return self.unscored(answers)
        patterns = [self._pattern] if self._source is not None else self._expected(case.expected_output)
        if isinstance(patterns, str):
            return self.unscored(patterns)
        try:
            found = all(any(self._matches(pattern, answer) for pattern in patterns) for answer in answers)
        except PatternTimeError as error:
            return self.unscored(str(error))
        return self.scored(float(found))

    def _expected(self, expected_output: JSONValue) -> list[Pattern] | str:
        """Return the expressions of a case; else a message about their fault."""
        expected = texts_in(expected_output, "expected_output")
        if isinstance(expected, str):
            return expected
        if max(map(len, expected)) > LONGEST_EXPECTED:
            return f"expected_output must be a regular expression of at most {LONGEST_EXPECTED:,} characters"
        try:
            return [self._compiled(source, "expected_output") for source in expected]
        except InvalidArgumentError as error:
            return str(error)

    def _matches(self, pattern: Pattern, answer: str) -> bool:
        if self._match == "full":
            return pattern.matches_all_of(answer.strip())
        return pattern.search(answer) is not None

    def _compiled(self, source: str, argument: str) -> Pattern:
        return Pattern(source, self._flags, argument=argument, component_id=self.component_id)
