"""Fenced blocks of Markdown."""

import re

# A separate line, which may begin an item of a list or be part of a quotation, as in CommonMark:
# https://spec.commonmark.org/0.31.2/#fenced-code-blocks
_CONTAINER = r"(?P<container>(?:[ \t]*(?:>|[-+*](?=[ \t])|[0-9]{1,9}[.)](?=[ \t])))*[ \t]*)"
_FENCE = re.compile(rf"{_CONTAINER}(?P<fence>`{{3,}}(?=[^`]*$)|~{{3,}})(?P<info>.*)")
_QUOTE = re.compile(r"[ \t]*>[ ]?")
_TAB_STOP = 4
_LOOSE = 3  # the end of a block may be indented this much more than its beginning; with more it is content


def last_fenced_block(text: str) -> str | None:
    """Return the content of the last block between lines of three or more backticks or tildes; None without one."""
    found: str | None = None
    block: _Block | None = None
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line.rstrip("\r"))
        if block is None:
            block = _Block(mark) if mark else None
        elif block.ends_with(mark):
            found, block = block.content, None
        else:
            block.lines.append(block.without_indentation(line))
    unfinished = block.content if block is not None else ""
    return unfinished if unfinished.strip() else found


class _Block:
    """A fenced block that has been opened."""

    def __init__(self, begin: re.Match[str]) -> None:
        self._fence = begin["fence"]
        self._quotes = begin["container"].count(">")
        # The column of the fence: the lines of an item of a list are indented by that much.
        self._width = len(_unquoted(begin["container"], self._quotes).expandtabs(_TAB_STOP))
        self.lines: list[str] = []

    @property
    def content(self) -> str:
        return "\n".join(self.lines)

    def ends_with(self, mark: re.Match[str] | None) -> bool:
        if mark is None or not mark["fence"].startswith(self._fence) or mark["info"].strip():
            return False
        indentation = _unquoted(mark["container"], self._quotes)
        return not indentation.strip() and len(indentation.expandtabs(_TAB_STOP)) <= self._width + _LOOSE

    def without_indentation(self, line: str) -> str:
        """Return the line without the part of its indentation that the block itself has."""
        line = _unquoted(line, self._quotes)
        if not self._width:
            return line
        body = line.lstrip(" \t")
        indentation = line[: len(line) - len(body)].expandtabs(_TAB_STOP)
        return indentation[self._width :] + body


def _unquoted(line: str, quotes: int) -> str:
    for _ in range(quotes):
        line = _QUOTE.sub("", line, count=1)
    return line
