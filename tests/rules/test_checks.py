"""`make check` and git's hook are one list, and nothing in it swallows a failure or excuses what needs no excuse."""

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import yaml

TOP = Path(__file__).parents[2]
MAKEFILE = (TOP / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))

HIDES_A_FAILURE = re.compile(r"^-|[|;&]|--quiet|--exit-zero|--silent|--no-error|\btrue\b")


def recipes() -> dict[str, list[str]]:
    """The lines below each target of the Makefile."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in MAKEFILE.splitlines():
        if line.startswith("\t"):
            lines.append(line.strip())
        elif target := re.match(r"([\w.$()/-]+):(?!=)", line):
            lines = found.setdefault(target[1], [])
    return found


def test_git_runs_what_make_check_runs() -> None:
    (repository,) = yaml.safe_load((TOP / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = repository["hooks"]
    listed = re.search(r"^CHECKS := (.*)$", MAKEFILE, re.MULTILINE)
    assert listed is not None
    checks = listed[1].split()
    assert [hook["entry"] for hook in hooks] == [f"make --no-print-directory {check}" for check in checks]
    assert checks == [target for target in recipes() if target.startswith("check-")]
    for hook in hooks:
        # A hook that is given names looks at these alone, and at nothing where no file of its kind was changed.
        assert (hook["language"], hook["always_run"], hook["pass_filenames"]) == ("system", True, False), hook["id"]
        assert hook.keys() <= {"id", "name", "entry", "language", "always_run", "pass_filenames"}, hook["id"]


def test_no_check_swallows_a_failure() -> None:
    checks = {target: lines for target, lines in recipes().items() if target.startswith("check-")}
    assert all(checks.values())
    assert [line for lines in checks.values() for line in lines if HIDES_A_FAILURE.search(line)] == []


def test_a_script_of_shell_stops_at_what_it_does_not_expect() -> None:
    scripts = [path for path in (TOP / ".ci").iterdir() if path.read_bytes().startswith(b"#!")]
    assert scripts
    for path in scripts:
        assert "set -uo pipefail" in path.read_text(encoding="utf-8"), path


def test_each_exception_to_a_rule_of_style_is_needed() -> None:
    settings = PROJECT["tool"]["ruff"]["lint"]
    found = findings("--select", ",".join(settings["ignore"]))
    unneeded = [code for code in settings["ignore"] if not any(one.startswith(code) for _, one in found)]
    found = findings("--config", "lint.per-file-ignores = {}")
    for pattern, ignored in settings["per-file-ignores"].items():
        here = {code for path, code in found if fnmatch(path, pattern)}
        unneeded += [f"{pattern}: {code}" for code in ignored if not any(one.startswith(code) for one in here)]
    assert unneeded == []


def findings(*options: str) -> list[tuple[str, str]]:
    """What ruff finds with other settings: each file with the code of a rule."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json", *options, "."]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP)
    return [(str(Path(one["filename"]).relative_to(TOP)), one["code"]) for one in json.loads(done.stdout)]
