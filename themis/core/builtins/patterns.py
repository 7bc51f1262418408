"""Regular expressions of a user's: with the package regex, whose searches can be ended."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from themis.core.builtins.arguments import text
from themis.core.builtins.extras import require_extra
from themis.core.errors import InvalidArgumentError, PatternTimeError

TIME_LIMIT_S: Final = 1.0
"""Seconds of one search. No honest pattern needs so long for one answer, and none that backtracks without end hangs."""

FLAGS: Final = {"i": "IGNORECASE", "m": "MULTILINE", "s": "DOTALL", "x": "VERBOSE", "a": "ASCII"}
"""Flags by their letters, which are those within a pattern, `(?i)`."""


class Pattern:
    """A regular expression in the syntax of Python's `re`, which the package regex extends.

    Attributes:
        groups: the number of its groups.
    """

    def __init__(self, pattern: str, flags: str = "", *, argument: str = "pattern", component_id: str) -> None:
        """Compile it.

        Args:
            pattern: the expression.
            flags: letters of `FLAGS`.
            argument: the name of the argument that it came in, for messages.
            component_id: the component that it is for.

        Raises:
            MissingExtraError: the package regex is not installed.
            InvalidArgumentError: it is not a text, or not a regular expression, or a flag is unknown.
        """
        require_extra("regex", component_id=component_id, extra="regex")
        regex = importlib.import_module("regex")
        pattern = text(argument, pattern, example=r"answer: (\d+)")
        if set(flags) - FLAGS.keys():
            known = ", ".join(FLAGS)
            raise InvalidArgumentError(argument="flags", detail=f"must be a text of the letters {known}, not {flags!r}")
        try:
            self._compiled = regex.compile(pattern, sum({getattr(regex, FLAGS[flag]) for flag in flags}))
        except (regex.error, RecursionError, OverflowError) as error:
            raise InvalidArgumentError(argument=argument, detail=f"{pattern!r} cannot be read: {error}") from None
        self._shown = pattern
        self.groups: int = self._compiled.groups

    def search(self, text: str) -> Any:
        """Return the first match in a text; None when there is none.

        Raises:
            PatternTimeError: the search took longer than `TIME_LIMIT_S`.
        """
        with self._in_time():
            return self._compiled.search(text, timeout=TIME_LIMIT_S, concurrent=True)

    def matches_all_of(self, text: str) -> bool:
        """Whether it matches a text from its beginning to its end.

        Raises:
            PatternTimeError: matching took longer than `TIME_LIMIT_S`.
        """
        with self._in_time():
            return self._compiled.fullmatch(text, timeout=TIME_LIMIT_S, concurrent=True) is not None

    def matches(self, text: str) -> Iterator[Any]:
        """Yield the matches in a text, from left to right.

        Raises:
            PatternTimeError: the search took longer than `TIME_LIMIT_S`.
        """
        with self._in_time():
            yield from self._compiled.finditer(text, timeout=TIME_LIMIT_S, concurrent=True)

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise PatternTimeError(pattern=self._shown, seconds=TIME_LIMIT_S) from None
