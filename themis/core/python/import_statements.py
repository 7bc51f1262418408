"""Imports of a Python file, read from its text: it is not run, and parsing would take a hundred times as long."""

import re
from collections.abc import Iterator

# A statement begins a line, or follows a colon or a semicolon. A text that only looks like one does no harm: it counts
# only if there is such a file.
_STATEMENT = re.compile(
    r"(?:^|[;:])[ \t]*(?:"
    r"from[ \t]*(\.*)[ \t]*([\w.]*)[ \t]+import[ \t]*(?:\(([^)]*)\)|([^\n;#(]+))"
    r"|import[ \t]+([^\n;#]+))",
    re.MULTILINE,
)
_CALL = re.compile(r"\b(?:import_module|__import__)\(\s*[\"']([\w.]+)[\"']")
_COMMENT = re.compile(r"#[^\n]*")


def imported_modules(text: str, package: str) -> Iterator[str]:
    """Yield the dotted names that a module of `package` imports; the last part may be a name in a module instead.

    Args:
        text: the module's source.
        package: base of relative imports; empty for a module outside any package.
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
    """Return `a.b` and `c` for `a.b, c as d`."""
    parts = (part.split() for part in _COMMENT.sub("", listed).split(","))
    return [words[0] for words in parts if words and words[0] != "*"]


def _absolute(module: str, level: int, package: str) -> str | None:
    """Return the full name of the module of an import; None beyond the outermost package."""
    if level == 0:
        return module
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])
