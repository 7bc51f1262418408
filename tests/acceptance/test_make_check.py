"""`make check` runs every check that there is, with and without git, and with tools that only say that they ran."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
TOOLS = {
    "ruff check .": "style",
    "ruff format --check .": "format",
    "mypy": "types",
    "lint-imports": "import direction",
    "python -m pytest tests/rules": "rules of the source",
    "mkdocs build --strict": "documentation",
}
TOOL = """\
#!/bin/sh
words=$(echo "${0##*/} $*" | sed 's/ $//')
echo "$words" >>"$RAN"
case "$words" in $BROKEN) echo "this is wrong"; exit 1 ;; esac
"""


@pytest.fixture(params=["with git", "without git"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with what `make check` reads, and an environment whose tools write down what they were asked."""
    bin_folder = tmp_path / "venv" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("ruff", "mypy", "lint-imports", "python", "mkdocs"):
        (bin_folder / name).write_text(TOOL, encoding="utf-8")
        (bin_folder / name).chmod(0o755)
    (bin_folder / "pre-commit").symlink_to(Path(sysconfig.get_path("scripts")) / "pre-commit")
    for name in ("Makefile", "pyproject.toml", ".pre-commit-config.yaml"):
        shutil.copy(TOP / name, tmp_path)
    for name in ("pyvenv.cfg", "dev.stamp"):
        (tmp_path / "venv" / name).touch()
    if request.param == "with git":
        if shutil.which("git") is None:
            pytest.skip("git is not installed")
        run(tmp_path, "git", "init", "--quiet")
    return tmp_path


def run(folder: Path, *words: str, broken: str = "nothing", **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE", "PRE_COMMIT"))
    }
    environment = {
        **inherited,
        "BROKEN": broken,
        "RAN": str(folder / "ran"),
        "PRE_COMMIT_HOME": str(folder / "home"),
        "VENV": str(folder / "venv"),
        **variables,
    }
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def ran(folder: Path) -> list[str]:
    return (folder / "ran").read_text(encoding="utf-8").splitlines()


def test_every_check_is_run_and_no_variable_leaves_one_out(folder: Path) -> None:
    done = run(folder, "make", "check", SKIP="style,types")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ran(folder) == list(TOOLS)


@pytest.mark.few(3)
@pytest.mark.parametrize("broken", TOOLS)
def test_one_check_that_fails_makes_all_fail_and_says_what_is_wrong_after_the_others_were_run(
    folder: Path, broken: str
) -> None:
    done = run(folder, "make", "check", broken=broken)
    assert done.returncode != 0
    assert "this is wrong" in done.stdout
    assert ran(folder) == list(TOOLS)
