"""What texts and comments point to is there: pages, headings, files of the project, modules and their names.

Inside `docs/` it is mkdocs that follows links. Here are the pages outside it, and whatever is named without a link.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from themis.telemetry import conventions

TOP = Path(__file__).parents[2]
FOLDERS = (".ci", "deploy", "docs", "tests", "themis", "workers")
ROOTS = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["root_packages"]

LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
FILE = re.compile(r"(?<![\w/.<-])(?:deploy|docs|tests)/[\w./*-]*[\w*]")
MODULE = re.compile(rf"`(?P<name>(?:{'|'.join(ROOTS)})(?:\.\w+)+(?<!\.py))(?:\(\))?`")
GROUPS = frozenset({"themis.components", "themis.datasets", "themis.generators", "themis.stores"})
"""Groups of entry points."""
IN_TRACES = {name for name in vars(conventions).values() if isinstance(name, str) and name.startswith("themis.")}
"""Names of spans and their attributes."""
NO_MODULES = GROUPS | IN_TRACES
HISTORY = TOP / "CHANGELOG.md"
"""Names what was once there."""


def texts() -> Iterator[tuple[Path, str]]:
    """The texts of the project, as people write them."""
    files = [path for path in TOP.iterdir() if path.is_file()]
    files += [path for name in FOLDERS for path in (TOP / name).rglob("*") if path.is_file()]
    for path in sorted(files):
        if "__pycache__" not in path.parts and path.suffix not in {".lock", ".png", ".svg", ".woff2"}:
            yield path, path.read_text(encoding="utf-8")


def headings(page: Path) -> set[str]:
    lines = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", lines, re.MULTILINE)
    words = [re.sub(r"\]\([^)]*\)|[^\w\s-]", "", title).lower().strip() for title in titles]
    return {re.sub(r"[-\s]+", "-", title) for title in words}


@pytest.mark.parametrize("page", sorted(TOP.glob("*.md")), ids=lambda page: page.name)
def test_a_page_outside_the_documentation_links_to_pages_and_headings_that_are_there(page: Path) -> None:
    broken = []
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target, _, heading = link["target"].partition("#")
        if "://" in target:
            continue
        path = page.parent / target if target else page
        if not path.exists() or (heading and heading not in headings(path)):
            broken.append(link["target"])
    assert broken == []


def test_a_file_of_the_project_that_a_text_names_is_there() -> None:
    """But for the tests, which name files that they make up."""
    missing = [
        f"{path.relative_to(TOP)}: {named}"
        for path, text in texts()
        for named in FILE.findall(text)
        if path != HISTORY and TOP / "tests" not in path.parents and not any(TOP.glob(named))
    ]
    assert missing == []


def test_a_module_of_the_project_that_a_text_names_is_there_and_has_the_name_that_is_said() -> None:
    missing = [
        f"{path.relative_to(TOP)}: {named}"
        for path, text in texts()
        for named in MODULE.findall(text)
        if path != HISTORY and named not in NO_MODULES and not is_known(named)
    ]
    assert missing == []


@cache
def is_known(name: str) -> bool:
    """Whether a dotted name is a module, or a name that a module's source mentions."""
    root, *parts = name.split(".")
    spec = find_spec(root)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    place = Path(spec.submodule_search_locations[0])
    while parts and (place / parts[0]).is_dir():
        place = place / parts.pop(0)
    file = place / f"{parts[0]}.py" if parts else place / "__init__.py"
    if parts and file.is_file():
        parts = parts[1:]
    else:
        file = place / "__init__.py"
    return not parts or re.search(rf"\b{parts[0]}\b", file.read_text(encoding="utf-8")) is not None
