"""What a Python file imports, read from its text: it is not run, and parsing it would take a hundred times as long."""

import re
from collections.abc import Iterator

# A statement begins a line, or stands after a colon or a semicolon. What only looks like one, in a text, does no harm:
# it counts when there is such a file.
_STATEMENT = re.compile(
    r"(?:^|[;:])[ \t]*(?:"
    r"from[ \t]*(\.*)[ \t]*([\w.]*)[ \t]+import[ \t]*(?:\(([^)]*)\)|([^\n;#(]+))"
    r"|import[ \t]+([^\n;#]+))",
    re.MULTILINE,
)
_CALL = re.compile(r"\b(?:import_module|__import__)\(\s*[\"']([\w.]+)[\"']")
_COMMENT = re.compile(r"#[^\n]*")


def imported_modules(text: str, package: str) -> Iterator[str]:
    """The dotted names that a module of `package` imports; the last part may be a name in a module instead.

    Args:
        text: the module's source.
        package: what a relative import begins from; empty for a module outside any package.
    """
    joined = text.replace("\\\n", " ")
    for dots, module, several, one, plain in _STATEMENT.findall(joined):
        if plain:
            yield from _names(plain)
            continue
        base = _absolute(module, len(dots), package)
        if base:
            yield base
            yield from (f"{base}.{name}" for name in _names(several or one))
    yield from _CALL.findall(joined)


def _names(listed: str) -> list[str]:
    """`a.b, c as d` as `a.b` and `c`."""
    parts = (part.split() for part in _COMMENT.sub("", listed).split(","))
    return [words[0] for words in parts if words and words[0] != "*"]


def _absolute(module: str, level: int, package: str) -> str | None:
    """The full name of the module that something is imported from; None beyond the outermost package."""
    if level == 0:
        return module
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])
