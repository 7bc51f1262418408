"""Parser that takes a value out of JSON, by a path."""

import importlib
from contextlib import suppress
from typing import Any, ClassVar, Literal

from themis.core.base import JSONValue
from themis.core.builtins.answers.json_text import json_in
from themis.core.builtins.arguments import one_of, text
from themis.core.builtins.component import BuiltinComponent
from themis.core.builtins.extras import require_extra
from themis.core.contexts import ParseContext
from themis.core.errors import InvalidArgumentError
from themis.core.models import ParsedOutput, ReducedCandidate

Which = Literal["first", "last", "all"]

_UNBOUNDED = ("match", "search")  # a regular expression here could take for ever


class JsonPath(BuiltinComponent):
    """Takes the value at a JSONPath (RFC 9535) of the JSON in the output.

    An output that is a text is read as JSON: all of it, else its last fenced block, else the last object or list in it.
    None when there is no JSON, when nothing is at that path, and when null is. JSONPath's functions `match` and
    `search` are left out: chain `builtin/regex` after it.
    """

    component_id = "builtin/json_path"
    libraries: ClassVar[dict[str, dict[str, JSONValue]]] = {"python-jsonpath": {}}

    def __init__(self, path: str = "$", which: Which = "first") -> None:
        """Take the first of the values at a path, the last, or all as a list.

        Args:
            path: such as `$.answer`, `$.steps[-1].result` or `$..score`.
            which: `first`, `last` or `all`, in the order of the document.

        Raises:
            InvalidArgumentError: the path cannot be read, or `which` is not one of them.
            MissingExtraError: the package python-jsonpath is not installed.
        """
        require_extra("jsonpath", component_id=self.component_id, extra="json", package="python-jsonpath")
        self._path = text("path", path, example="$.answer")
        self._which = one_of("which", which, Which)
        library = importlib.import_module("jsonpath")
        environment = library.JSONPathEnvironment(strict=True)
        for name in _UNBOUNDED:
            del environment.function_extensions[name]
        try:
            self._compiled = environment.compile(path)
        except (library.JSONPathError, ValueError, RecursionError) as error:
            said = error.args[0] if error.args else type(error).__name__  # without the drawing of the place
            raise InvalidArgumentError(argument="path", detail=f"{path!r} cannot be read: {said}") from None

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The path, and the choice among several values."""
        return {"path": self._path, "which": self._which}

    def parse(self, candidate: ReducedCandidate, ctx: ParseContext) -> ParsedOutput:  # noqa: ARG002  # part of the protocol
        """Return the value at the path."""
        found: list[Any] = []
        for document in json_in(candidate.final_output):
            with suppress(RecursionError):  # nested too deeply to be looked through
                found = self._compiled.findall(document)
        if not found:
            return ParsedOutput(value=None, format="json")
        value = found if self._which == "all" else found[0 if self._which == "first" else -1]
        return ParsedOutput(value=value, format="json")
