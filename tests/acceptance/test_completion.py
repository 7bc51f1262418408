"""Completion by real shells, and what is offered to them."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command_here import done_here
from themis.cli.help.completion import answer
from themis.cli.help.sections import SECTIONS
from themis.cli.main import cli

Themis = Any
"""The fixture's class: see conftest."""

PROGRAMS = sysconfig.get_path("scripts")
# Completes a line as bash does when somebody types it and presses Tab, and prints what it would offer.
IN_BASH = r"""
eval "$(themis completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_themis_completion themis
printf '%s\n' "${COMPREPLY[@]}"
"""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": os.pathsep.join([PROGRAMS, os.environ["PATH"]]), **more}


def in_bash(*words: str) -> list[str]:
    """What bash offers at the end of a line, of which the last word has begun."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    done = subprocess.run(
        [bash, "--norc", "-c", IN_BASH, "bash", "themis", *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    noise = "compopt: not currently executing completion function"  # which only a line that is typed has
    said = [line for line in done.stderr.splitlines() if noise not in line]
    assert said == [], "nothing may stand in the middle of a line that somebody types"
    return [line for line in done.stdout.splitlines() if line]


@pytest.fixture
def lab(themis: Themis) -> Themis:
    """A folder with two stored runs, of which one has a job."""
    assert themis("run", "experiment.yaml", "--name", "baseline", "--label", "team=search").code == 0
    assert themis("submit", "experiment.yaml", "--set", "seeds=[5]", "--name", "second").code == 0
    Path("data.jsonl").touch()
    return themis


def test_bash_completes_names_of_runs(lab: Themis) -> None:
    assert in_bash("report", "base") == ["baseline"]


@pytest.mark.slow
def test_bash_completes_commands_options_files_keys_and_labels(lab: Themis) -> None:
    key = lab("queue", "list", "--json").document["jobs"][0]["key"]
    assert in_bash("rep") == ["replay", "report"]
    assert "--format" in in_bash("report", "--fo")
    assert in_bash("run", "ex") == ["experiment.yaml"]
    assert in_bash("report", "--format", "markdown-s") == ["markdown-summary"]
    assert in_bash("queue", "cancel", key[:5]) == [key]
    assert in_bash("list", "--label", "te") == ["team=search"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_its_shell_can_read(shell: str, themis: Themis, tmp_path: Path) -> None:
    script = themis("completion", shell)
    assert (script.code, script.err) == (0, "")
    assert "_THEMIS_COMPLETE" in script.out
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here to read it")
    file = tmp_path / f"completion.{shell}"
    file.write_text(script.out, encoding="utf-8")
    done = subprocess.run([program, "-n", file], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def asked(shell: str, *words: str) -> list[str]:
    """What a shell's script is told about a line."""
    last = words[-1] if shell == "fish" else str(len(words))
    variables = {"COMP_WORDS": " ".join(["themis", *words]), "COMP_CWORD": last}
    done = subprocess.run(
        [sys.executable, "-m", "themis"],
        env=environment(_THEMIS_COMPLETE=f"{shell}_complete", **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.slow
def test_zsh_and_fish_are_told_the_same_with_a_help_text(lab: Themis) -> None:
    assert asked("zsh", "report", "base")[:3] == ["plain", "baseline", "completed"]
    for_fish = "\n".join(asked("fish", "report", "base"))  # in one line, or in three, as click's version has it
    assert "baseline" in for_fish
    assert "completed" in for_fish


def test_fish_completes_names_of_runs(lab: Themis) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("there is no fish here")
    done = subprocess.run(
        [fish, "--no-config", "-c", 'themis completion fish | source; complete -C "themis report base"'],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split("\t")[0] == "baseline"


def offered(themis: Themis, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What is offered at the end of a line, asked in this process."""
    monkeypatch.setenv("_THEMIS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["themis", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    themis._capsys.readouterr()
    answer(cli)
    out, err = themis._capsys.readouterr()
    assert err == ""
    return [line.partition(",")[2] for line in out.splitlines() if line]


def test_what_is_offered_is_what_fits(lab: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = lab("list", "--name", "baseline", "--json").document[0]["run_id"]

    def offer(*words: str) -> list[str]:
        return offered(lab, monkeypatch, *words)

    assert offer("") == [name for section in SECTIONS.values() for name in section]
    assert set(offer("report", "")) == {"baseline", "second", "experiment.yaml", "runs/"}
    assert offer("report", run_id[:6]) == [run_id[:12]]
    assert offer("cases", "--store", "runs/themis.sqlite3", "base") == ["baseline"]
    assert "second" in offer("queue", "cancel", "")
    assert offer("help", "ru") == []
    assert offer("catalog", "show", "gsm") != []
    assert offer("quick-eval", "inline", "--model", "ollam") == ["ollama/"]
    assert offer("quick-eval", "inline", "--model", "builtin/demo") == ["builtin/demo_generator"]
    assert offer("quick-eval", "inline", "--parser", "builtin/math") == ["builtin/math_answer"]
    assert "builtin/math_answer" not in offer("quick-eval", "inline", "--metric", "builtin/math")
    assert offer("submit", "experiment.yaml", "exp") == ["experiment.yaml"]
    assert offer("completion", "") == ["bash", "zsh", "fish"]
    assert offer("cases", "--state", "") == ["ok", "no_answer", "failed"]


def test_a_name_that_a_shell_would_split_is_offered_as_its_id(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    run = themis("run", "experiment.yaml", "--name", "two words; rm").document["run_id"]
    assert run[:12] in offered(themis, monkeypatch, "report", "")


@pytest.mark.parametrize("damage", ["absent", "garbage", "bad config", "folder"])
def test_where_nothing_can_be_read_nothing_is_offered_and_nothing_said(
    damage: str, themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    if damage == "garbage":
        Path("runs").mkdir()
        Path("runs/themis.sqlite3").write_bytes(b"no database at all" * 100)
    elif damage == "folder":
        Path("runs/queue/queue.json").mkdir(parents=True)
    elif damage == "bad config":
        Path("experiment.yaml").write_text(yaml.safe_dump({"storage": 3}), encoding="utf-8")
    words = ["--config", "experiment.yaml"] if damage == "bad config" else []
    before = sorted(str(path) for path in Path().rglob("*"))
    for line in (["report", "x"], ["report", "abcd"], ["list", "--label", ""], ["worker", "stop", ""]):
        assert offered(themis, monkeypatch, *line[:-1], *words, line[-1]) == []
    assert sorted(str(path) for path in Path().rglob("*")) == before, "asking makes nothing"


def test_completion_is_quick_where_there_is_no_store(tmp_path: Path) -> None:
    """By processor time, which other processes do not lengthen; the limit has room for slow machines."""
    started, before = time.monotonic(), os.times()
    subprocess.run(
        [sys.executable, "-m", "themis"],
        cwd=tmp_path,
        env=environment(_THEMIS_COMPLETE="bash_complete", COMP_WORDS="themis report x", COMP_CWORD="2"),
        check=False,
        timeout=60,
    )
    after = os.times()
    took_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert took_s < 0.6, f"{took_s:.2f} s of {time.monotonic() - started:.2f} s"


def test_what_a_terminal_shows_with_the_script_is_where_it_belongs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert done_here(tmp_path, ["completion", "bash"], capsys).err == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    shown = done_here(tmp_path, ["completion", "bash"], capsys).err
    assert shown == 'themis: to turn completion on, put this line into ~/.bashrc: eval "$(themis completion bash)"\n'


def test_an_unknown_shell_is_refused_with_those_that_there_are(themis: Themis) -> None:
    done = themis("completion", "tcsh")
    assert (done.code, done.out) == (2, "")
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.err
