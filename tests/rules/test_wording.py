"""The wording of the source: docstrings begin with a noun or a verb, and no text uses an archaic phrase."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
FOLDERS = ("themis", "workers")

QUESTION = re.compile(r"\s*(?:What|Which|How|Where|When|Who|Whose|Why)\b")
PHRASES = (
    "anew",
    "afresh",
    "put right",
    "in nobody's hands",
    "in somebody's hands",
    "in hand",
    "whoever",
    "gone on with",
    "told in",
    "lies",
    "better nothing",
)
GAP = r"[\s#]+"  # also a line break, in a comment too
BANNED = re.compile(
    rf"(?<![`{{])\b(?:{'|'.join(phrase.replace(' ', GAP) for phrase in PHRASES)})\b(?!`)", re.IGNORECASE
)
NO_FOR_NOT = re.compile(
    r"(?<!here )(?<!`)\b(?:is|are|was|were) "
    r"(?:no (?=item|number|text|list|kind|name|file|key|part|JSON)|none of (?:these|them)\b)"
)
"""`is not a number`, for `is not a number`; but `there is no file`."""
DESCRIBED = re.compile(r"^\s+\w+(?=: )", re.MULTILINE)
"""A parameter or attribute in the list of a docstring."""

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def sources(folder: str) -> Iterator[tuple[str, str]]:
    """The name and the text of each source file in a folder."""
    for path in sorted((TOP / folder).rglob("*.py")):
        yield str(path.relative_to(TOP)), path.read_text(encoding="utf-8")


def public(node: ast.Module | ast.ClassDef) -> Iterator[Documented]:
    """A module or a class, and the public classes, functions and methods in it, but for those inside functions."""
    yield node
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_private = part.name.startswith("_") and not part.name.endswith("__")
            if not is_private:
                yield from public(part) if isinstance(part, ast.ClassDef) else [part]


def questions(name: str, text: str) -> Iterator[str]:
    """The public docstrings that begin with a question word, each with its file and line."""
    for node in public(ast.parse(text)):
        docstring = ast.get_docstring(node)
        if docstring and QUESTION.match(docstring):
            yield f"{name}:{node.body[0].lineno}: {docstring.splitlines()[0]}"


def prose(text: str) -> str:
    """A source with blanks in place of its names, which are not matter of wording; each line keeps its number."""
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:column] + " " * len(token.string) + line[column + len(token.string) :]
    return DESCRIBED.sub(lambda found: re.sub(r"\w", " ", found[0]), "\n".join(lines))


def phrases(name: str, text: str) -> Iterator[str]:
    """The banned phrases in a text, each with its file and line."""
    for pattern in (BANNED, NO_FOR_NOT):
        for found in pattern.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{name}:{line}: {' '.join(re.split(GAP, found[0]))}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_public_docstring_begins_with_a_question_word(folder: str) -> None:
    found = [place for name, text in sources(folder) for place in questions(name, text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_banned_phrase_stands_in_the_source(folder: str) -> None:
    found = [place for name, text in sources(folder) for place in phrases(name, prose(text))]
    assert not found, "\n".join(found)


EXAMPLE = '''"""What is here."""

class Shown:
    """Whether the name is right."""

    def __init__(self):
        """Which one it is."""

    async def shown(self):
        """
        When it is.
        """
        # It is put
        # right, and the file is written Anew.

class _Hidden:
    """Why not."""

def shown():
    """Whatever renewed: whoever's."""

    def inner():
        """Who asks."""

def _hidden(afresh):
    """How so.

    Args:
        afresh: the name of a parameter, as in `afresh`.
    """
    return f"{afresh}: afresh"
'''


def test_the_rules_find_what_they_are_about() -> None:
    assert list(questions("a", EXAMPLE)) == ["a:1: What is here.", "a:7: Which one it is.", "a:10: When it is."]
    assert list(phrases("a", prose(EXAMPLE))) == ["a:13: put right", "a:14: Anew", "a:20: whoever", "a:31: afresh"]


def pages() -> Iterator[tuple[str, str]]:
    """The name and the text of each page for users, without its blocks and words of code."""
    code = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
    for path in sorted([TOP / "README.md", TOP / "CONTRIBUTING.md", *(TOP / "docs").rglob("*.md")]):
        if "decisions" not in path.parts:
            text = path.read_text(encoding="utf-8")
            yield str(path.relative_to(TOP)), code.sub(lambda found: re.sub(r"[^\n]", "`", found[0]), text)


def test_no_banned_phrase_stands_on_a_page() -> None:
    found = [place for name, text in pages() for place in phrases(name, text)]
    assert not found, "\n".join(found)
