"""The documentation does what it says.

A page is README.md or a file below docs/. Its fenced blocks are followed in order, in one empty folder, as a reader
would follow them:

- A block whose first line is a comment that is a file's name (`# experiment.yaml`) is written to that file; so is one
  below `<!-- file: cases.jsonl -->`, for formats that know no comments.
- `python` blocks are executed, and share their names.
- `console` blocks hold commands behind `$ `. Each must succeed; the lines below it, if there are any, are what it
  prints on standard output, where `...` stands for anything and white space does not count.
- `bash` blocks hold one command a line.
- `text` blocks are only shown.

A command begins with `themis`; there is no shell. A block below `<!-- no-test: the reason -->` is left out. The
commands of one below `<!-- meanwhile: where -->` are started and not waited for: at the page's end they must end with
success.

Commands are done in the process of the test, apart from those that start processes themselves; a slow test does each in
a process of its own. A page that starts a worker, or several processes at a time, is only followed by that one; but for
README.md, which both follow.
"""

import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from tests.support.command_here import done_here
from themis.core.builtins import BUILTINS

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
README = PAGES[0]
GUIDES = TOP / "docs" / "guides"
OF_POSTGRES = {
    GUIDES / name
    for name in ("results-in-postgres.md", "workers-on-several-hosts.md", "queue-in-postgres.md", "slurm.md", "ray.md")
}
COMMANDS = Path(sysconfig.get_path("scripts"))
Shell = Callable[[Path, list[str]], tuple[int, str, str]]
"""Does what the words after `themis` say in a folder: the exit code, and what is printed on both streams."""

BLOCK = re.compile(
    r"(?:^<!-- (?P<directive>no-test|file|meanwhile): (?P<argument>.+?) -->\n)?"
    r"^```(?P<language>\S*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NAMING_COMMENT = re.compile(r"# (?P<name>[\w/-]+\.[a-z]+)\n")


@dataclass(frozen=True)
class Block:
    """A fenced block and where it stands.

    `name` is the file that it is to be written to, if any; `meanwhile` says that its commands are not waited for.
    """

    page: Path
    line: int
    language: str
    text: str
    name: str | None
    meanwhile: bool = False

    def __str__(self) -> str:
        """The place, as editors understand it."""
        return f"{self.page.relative_to(TOP)}:{self.line}"


def blocks_of(page: Path, *, also: str = "") -> Iterator[Block]:
    """The blocks of a page; with `also` those too that are not followed elsewhere for that reason."""
    source = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(source):
        if found["directive"] == "no-test" and found["argument"] != also:
            continue
        comment = NAMING_COMMENT.match(found["text"])
        file = found["argument"] if found["directive"] == "file" else None
        name = file or (comment["name"] if comment else None)
        line = source.count("\n", 0, found.start("text")) + 1
        yield Block(page, line, found["language"], found["text"], name, found["directive"] == "meanwhile")


def follow(block: Block, folder: Path, names: dict[str, Any], shell: Shell) -> None:
    if block.name:
        file = folder / block.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        # Blank lines in front, so that a traceback names the line of the page.
        code = compile("\n" * (block.line - 1) + block.text, block.page, "exec", dont_inherit=True)
        exec(code, names)  # noqa: S102  # our own documentation
    elif block.language in {"bash", "console"}:
        for command, expected in commands_of(block):
            printed = run(command, folder, block, shell)
            assert matches(printed, expected), f"{block}: {command} printed\n{printed}"
    else:
        assert block.language == "text", f"{block}: what should be done with a {block.language or 'nameless'} block?"


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Each command with what the page says it prints."""
    text = block.text.replace("\\\n", " ")
    if block.language == "bash":
        return [(line, "") for line in text.splitlines() if line and not line.startswith("#")]
    turns = [turn.partition("\n") for turn in re.split(r"^\$ ", text, flags=re.MULTILINE)]
    return [(command, expected) for command, _, expected in turns if command]


def words_of(command: str, block: Block) -> list[str]:
    program, *arguments = shlex.split(command)
    assert program == "themis", f"{block}: {program} is not a command of ours; mark the block no-test"
    return arguments


def run(command: str, folder: Path, block: Block, shell: Shell) -> str:
    arguments = words_of(command, block)
    code, out, err = shell(folder, arguments)
    assert code == 0, f"{block}: {command} ended with {code}\n{out}{err}"
    return out


@contextmanager
def meanwhile(folder: Path) -> Iterator[Callable[[Block], None]]:
    """Starts the commands of a block; at the end all of them must end with success."""
    started: list[tuple[str, subprocess.Popen[str]]] = []

    def start(block: Block) -> None:
        for command, _ in commands_of(block):
            words = [str(COMMANDS / "themis"), *words_of(command, block)]
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            started.append((f"{block}: {command}", process))

    try:
        yield start
        for what, process in started:
            printed, _ = process.communicate(timeout=60)
            assert process.returncode == 0, f"{what} ended with {process.returncode}\n{printed}"
    finally:
        for _, process in started:
            process.kill()
            process.wait()


def in_processes(folder: Path, arguments: list[str]) -> tuple[int, str, str]:
    """A `Shell` that does what a reader's does."""
    done = subprocess.run(
        [COMMANDS / "themis", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def matches(printed: str, expected: str) -> bool:
    parts = "".join(expected.split()).split("...")
    pattern = ".*".join(re.escape(part) for part in parts)
    return not expected.strip() or re.fullmatch(pattern, "".join(printed.split()), re.DOTALL) is not None


@pytest.fixture
def reader(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that Python blocks run in and can import from."""
    if "page" in request.fixturenames and request.getfixturevalue("page") in OF_POSTGRES:
        monkeypatch.setenv("THEMIS_DATABASE_URL", postgres_server.schema_url())
    monkeypatch.setattr("themis.core.stores.registry._registered", {})  # which a page may add to
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def follow_page(page: Path, folder: Path, shell: Shell) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    with meanwhile(folder) as start:
        for block in blocks_of(page):
            if block.meanwhile:
                start(block)
            else:
                follow(block, folder, names, shell)


def has_commands(page: Path) -> bool:
    return any(block.language in {"bash", "console"} and not block.name for block in blocks_of(page))


def starts_processes(page: Path) -> bool:
    return any(
        block.meanwhile or any(is_of_processes(words_of(command, block)) for command, _ in commands_of(block))
        for block in blocks_of(page)
        if block.language in {"bash", "console"} and not block.name
    )


def is_of_processes(arguments: list[str]) -> bool:
    return arguments[0] == "worker" and arguments[1] != "run"


def named(pages: list[Path]) -> list[Any]:
    return [pytest.param(page, id=str(page.relative_to(TOP))) for page in pages]


@pytest.mark.parametrize(
    "page", named([page for page in PAGES if any(blocks_of(page)) and (page == README or not starts_processes(page))])
)
def test_a_page_can_be_followed_from_an_empty_folder(
    page: Path, reader: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def here(folder: Path, arguments: list[str]) -> tuple[int, str, str]:
        if is_of_processes(arguments):
            return in_processes(folder, arguments)
        done = done_here(folder, arguments, capsys)
        return done.code, done.out, done.err

    follow_page(page, reader, here)


@pytest.mark.slow
@pytest.mark.parametrize("page", named([page for page in PAGES if has_commands(page)]))
def test_a_page_can_be_followed_with_each_command_in_a_process_of_its_own(page: Path, reader: Path) -> None:
    follow_page(page, reader, in_processes)


@pytest.mark.slow
def test_the_readme_can_be_followed_again_in_another_folder(reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("first", "second"):
        folder = reader / place
        folder.mkdir()
        monkeypatch.chdir(folder)
        follow_page(README, folder, in_processes)


def test_the_built_in_components_are_listed_and_no_others() -> None:
    page = (TOP / "docs" / "reference" / "components.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(builtin/\w+)` \|", page, re.MULTILINE) == list(BUILTINS)


def test_every_block_is_found() -> None:
    fences = sum(len(re.findall(r"^\s*```", page.read_text(encoding="utf-8"), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * sum(len(BLOCK.findall(page.read_text(encoding="utf-8"))) for page in PAGES)


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ('{"a": 1}\n', '{"a":1}', True),
        ('{"a": 1, "b": 2}', '{"a":1,...}', True),
        ('{"a": 1}', '{"a":2}', False),
        ("anything", "", True),
    ],
)
def test_what_a_command_prints_is_compared(printed: str, expected: str, same: bool) -> None:
    assert matches(printed, expected) is same
