"""What the pages for newcomers name is there: files, folders, modules, commands of make."""

import importlib
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGES = [TOP / "CONTRIBUTING.md", TOP / "SECURITY.md", TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]

CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
PATH = re.compile(r"(?:themis|workers|tests|deploy|docs)/[\w./-]*|\.ci/\w+|[A-Z]+\.md|(?:mkdocs|pyproject)\.\w+")
MODULE = re.compile(r"themis\.(?:core|cli|demo|adapters|catalog)(?:\.[A-Za-z_]\w*)+")
REPLACED = re.compile(r"^Status: replaced ", re.MULTILINE)

ALLOWED_AT_THE_TOP = {
    *{"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md", "mkdocs.yml"},
    *{"pyproject.toml", "deploy", "docs", "tests", "themis", "workers"},
}


def codes_of(page: Path) -> list[str]:
    """What stands between backticks on a page; a decision that no longer holds names what was there then."""
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [] if REPLACED.search(text) else CODE.findall(prose)


def test_each_file_that_a_page_names_is_there() -> None:
    named = {(str(page.relative_to(TOP)), code) for page in PAGES for code in codes_of(page) if PATH.fullmatch(code)}
    missing = sorted(f"{page} names {path}" for page, path in named if not is_there(path))
    assert not missing, "\n".join(missing)


def test_each_page_is_once_in_the_navigation() -> None:
    named = re.findall(r"^ +- (?:.*: )?([\w./-]+\.md)$", (TOP / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert len(named) > 100
    assert sorted(page for page, times in Counter(named).items() if times > 1) == []


def is_there(path: str) -> bool:
    return (TOP / path).is_dir() if path.endswith("/") else (TOP / path).exists()


def test_each_module_and_name_in_one_that_a_page_names_is_there() -> None:
    found = ((page, MODULE.match(code)) for page in PAGES for code in codes_of(page))
    named = {(str(page.relative_to(TOP)), match[0]) for page, match in found if match}
    missing = sorted(f"{page} names {name}" for page, name in named if not exists(name))
    assert not missing, "\n".join(missing)


def exists(dotted: str) -> bool:
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for name in parts[count:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_each_command_of_make_that_a_page_names_is_one() -> None:
    known = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        named = {word for code in codes_of(page) if code.startswith("make ") for word in code.split()[1:]}
        assert {word for word in named if "=" not in word} <= known, page


def test_the_rooms_that_newcomers_are_shown_are_all_there_are() -> None:
    shown = set(codes_of(TOP / "docs" / "architecture.md"))
    rooms = {f"themis/core/{path.parent.name}/" for path in (TOP / "themis" / "core").glob("*/__init__.py")}
    assert sorted(rooms - shown) == []


def test_only_what_belongs_there_stands_at_the_top() -> None:
    git = shutil.which("git")
    if git is None or not (TOP / ".git").exists():
        pytest.skip("git, and a clone, are needed to know which files are ours")
    listed = subprocess.run([git, "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    names = {path.split("/")[0] for path in listed.splitlines()}
    assert {name for name in names if not name.startswith(".")} == ALLOWED_AT_THE_TOP


@pytest.mark.parametrize(
    ("dotted", "there"),
    [
        ("themis.core.errors.ThemisError.exit_code", True),
        ("themis.core.errors", True),
        ("themis.core.errors.NoSuchError", False),
        ("themis.core.no_such_module", False),
    ],
)
def test_what_is_no_module_and_no_name_in_one_is_noticed(dotted: str, there: bool) -> None:
    assert exists(dotted) is there
