"""Each check turns red and says what is wrong: in a copy of the project one thing is broken, and its check is run."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project_copy import PROJECT, copy_project

ASTRAY = "themis/core/astray.py"
"""A module that is added to the copy."""
LINTED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]

pytestmark = pytest.mark.slow


class Project:
    """A copy of the project that may be broken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        copy_project(folder)

    def empty(self) -> None:
        """Leave a module for each folder of source: all that types are checked of with `--short`."""
        for name in ("themis/core", "workers/themis_workers", "tests"):
            for path in sorted((self.folder / name).rglob("*.py")):
                path.unlink()
            self.add(f"{name}/other.py", "")

    def add(self, name: str, text: str) -> None:
        """Add lines to a file, or make it."""
        (self.folder / name).parent.mkdir(exist_ok=True)
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a text where it stands first in a file."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a target with this environment, which is not made again for a copy."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE", "PYTEST"))
        }
        stamp = f"{sys.prefix}/dev.stamp"
        command = ["make", f"--old-file={stamp}", f"VENV={sys.prefix}", *words]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )


def page_outside_the_navigation(project: Project) -> None:
    project.add("docs/astray.md", "# Astray\n")


def entry_of_the_navigation_without_a_page(project: Project) -> None:
    project.replace("mkdocs.yml", "\nnav:\n", "\nnav:\n  - Gone: gone.md\n")


def link_to_a_page(project: Project) -> None:
    project.add("docs/index.md", "\n[there](no-such-page.md)\n")


def link_to_a_heading(project: Project) -> None:
    project.add("docs/index.md", "\n[there](index.md#no-such-heading)\n")


def link_to_a_heading_of_the_page_itself(project: Project) -> None:
    project.add("docs/index.md", "\n[there](#no-such-heading)\n")


def link_to_an_absolute_path(project: Project) -> None:
    project.add("docs/index.md", "\n[there](/queue/)\n")


def link_of_the_readme(project: Project) -> None:
    project.add("README.md", "\n[there](docs/no-such-page.md)\n")


def file_that_a_comment_names(project: Project) -> None:
    project.add(ASTRAY, "# See docs/no-such-page.md\n")


def module_that_a_comment_names(project: Project) -> None:
    project.add(ASTRAY, "# See `" + "themis.core.models.NoSuchModel`\n")


def unformatted_file(project: Project) -> None:
    project.add(ASTRAY, "x = {  'a':1 }\n")


def unused_import(project: Project) -> None:
    project.add(ASTRAY, "import os\n")


def wrong_type(project: Project) -> None:
    project.add(ASTRAY, 'COUNT: int = "three"\n')


def type_that_is_ignored_for_nothing(project: Project) -> None:
    project.add(ASTRAY, "OTHER: int = 3  # type: ignore[assignment]\n")


def crossed_layer(project: Project) -> None:
    project.add("themis/core/models.py", "\nfrom themis.core import submission\n")


def library_that_knows_its_workers(project: Project) -> None:
    project.add("themis/core/models.py", f"\nimport {LINTED['root_packages'][1]}\n")


def module_without_a_place(project: Project) -> None:
    project.add(ASTRAY, '"""Astray."""\n')


def circle(project: Project) -> None:
    project.add("themis/cli/astray.py", "from themis.cli import other\n")
    project.add("themis/cli/other.py", "from themis.cli import astray\n")


def error_without_its_fact(project: Project) -> None:
    project.add(ASTRAY, 'from themis.core.errors import StoreError\n\nraise StoreError(path="p")\n')


def error_with_a_fact_that_nobody_reads(project: Project) -> None:
    project.add(ASTRAY, 'from themis.core.errors import TagError\n\nraise TagError(detail="d", path="p")\n')


def idle_test(project: Project) -> None:
    project.add("tests/unit/test_astray.py", "def test_nothing() -> None:\n    print()\n")


def hidden_test(project: Project) -> None:
    project.add("tests/unit/astray.py", "def test_something() -> None:\n    assert True\n")


def exception_that_nothing_needs(project: Project) -> None:
    project.replace("pyproject.toml", "\nignore = [", '\nignore = [\n    "YTT",')


def long_file(project: Project) -> None:
    project.add("themis/core/astray_file.py", "X = 1\n" * 301)


def long_function(project: Project) -> None:
    project.add("themis/core/astray_function.py", "def f() -> None:\n" + "    print()\n" * 50)


def full_folder(project: Project) -> None:
    for number in range(21):
        project.add(f"themis/core/astray_folder/m{number}.py", "")


def contract_that_a_new_module_escapes(project: Project) -> None:
    project.replace("pyproject.toml", "exhaustive = true\n", "")


Broken = Callable[[Project], None]
BROKEN: list[tuple[Broken, str, str]] = [
    (page_outside_the_navigation, "check-docs", "astray.md"),
    (entry_of_the_navigation_without_a_page, "check-docs", "gone.md"),
    (link_to_a_page, "check-docs", "no-such-page.md"),
    (link_to_a_heading, "check-docs", "no-such-heading"),
    (link_to_a_heading_of_the_page_itself, "check-docs", "no-such-heading"),
    (link_to_an_absolute_path, "check-docs", "/queue/"),
    (link_of_the_readme, "check-rules", "docs/no-such-page.md"),
    (file_that_a_comment_names, "check-rules", f"{ASTRAY}: docs/no-such-page.md"),
    (module_that_a_comment_names, "check-rules", f"{ASTRAY}: themis.core.models.NoSuchModel"),
    (unformatted_file, "check-format", f"--> {ASTRAY}"),
    (unused_import, "check-style", "`os` imported but unused"),
    (wrong_type, "check-types", "error: Incompatible types in assignment"),
    (type_that_is_ignored_for_nothing, "check-types", 'error: Unused "type: ignore" comment'),
    (crossed_layer, "check-imports", "themis.core.models -> themis.core.submission"),
    (library_that_knows_its_workers, "check-imports", f"themis.core.models -> {LINTED['root_packages'][1]}"),
    (module_without_a_place, "check-imports", "themis.core.astray"),
    (circle, "check-imports", "No cycles are allowed in themis.cli"),
    (error_without_its_fact, "check-rules", "StoreError is not given detail"),
    (error_with_a_fact_that_nobody_reads, "check-rules", "TagError is given path"),
    (idle_test, "check-rules", "test_astray.py:1"),
    (hidden_test, "check-rules", "astray.py:1"),
    (exception_that_nothing_needs, "check-rules", "YTT"),
    (long_file, "check-rules", "'themis/core/astray_file.py': 301"),
    (long_function, "check-rules", "'themis/core/astray_function.py:1 f': 51"),
    (full_folder, "check-rules", "'themis/core/astray_folder': 21"),
    (contract_that_a_new_module_escapes, "check-rules", "test_a_contract_holds_for_modules_that_nobody_has_listed["),
]


@pytest.mark.parametrize("check", sorted({check for _, check, _ in BROKEN}))
def test_a_check_turns_red_and_says_what_is_wrong(tmp_path: Path, short: bool, check: str) -> None:
    """One thing is broken at a time; with `--short` all that the check must notice, at once."""
    each = [(broken, says) for broken, of, says in BROKEN if of == check]
    for number, things in enumerate([each] if short else [[one] for one in each]):
        project = Project(tmp_path / str(number))
        if short and check == "check-types":
            project.empty()
        for broken, _ in things:
            broken(project)
        done = project.make(check)
        names = [broken.__name__ for broken, _ in things]
        assert done.returncode != 0, names
        assert [says for _, says in things if says not in done.stdout + done.stderr] == [], (names, done.stdout)


def test_what_is_broken_is_green_before(tmp_path: Path, short: bool) -> None:
    """Otherwise a check might be red for another reason."""
    checks = {check for _, check, _ in BROKEN} - ({"check-types"} if short else set())
    done = Project(tmp_path).make(*sorted(checks))
    assert done.returncode == 0, done.stdout + done.stderr
