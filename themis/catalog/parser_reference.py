"""Parser of a recipe as it is written: the ids in it, and a line for a reader."""

from collections.abc import Iterator

from themis.core.base import JSONValue


def ids_in(parser: JSONValue) -> Iterator[str]:
    """Yield the ids in a reference to a parser: an id, or `{use, with}` with the parsers that it combines."""
    if isinstance(parser, str):
        yield parser
    elif isinstance(parser, dict):
        arguments = parser.get("with")
        inner = arguments.get("parsers") if isinstance(arguments, dict) else None
        yield str(parser.get("use"))
        for one in inner if isinstance(inner, list) else []:
            yield from ids_in(one)


def in_words(parser: JSONValue) -> str:
    """Return a reference to a parser as a reader wants it: what `builtin/chain` combines as its steps, in order."""
    if not isinstance(parser, dict):
        return "none" if parser is None else str(parser)
    arguments = parser.get("with")
    steps = arguments.get("parsers") if isinstance(arguments, dict) else None
    if parser.get("use") == "builtin/chain" and isinstance(steps, list):
        return ", then ".join(map(in_words, steps))
    return str(parser.get("use"))
