"""The command line as a whole: what is found, what is said, what it ends with."""

import importlib
import subprocess
import sys

import click
import pytest

from themis.cli import errors
from themis.cli.help.sections import COMMANDS, SECTIONS, UNLISTED
from themis.cli.main import cli, main
from themis.core.errors import StoreFullError, UnknownRunError

OF_COMMANDS = "name what to do first: benchmark, file, huggingface, inline"
PATH_OF_A_STORE = "--set storage.parameters.path=FILE says where results are kept"
ONE_EXPERIMENT = "it runs one experiment; themis worker start --slots N runs N at a time"
ONE_CONFIG = "it takes one config file; themis submit takes several"
REPLACED = "the config file names the model; --set generation.generator.with.model_id=NAME replaces it"


def every_command() -> list[list[str]]:
    """The words of every command there is, groups too."""
    found = []
    context = click.Context(cli, info_name="themis")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, member] for member in command.list_commands(context)]
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_in_the_list_is_the_command_of_that_name(name: str) -> None:
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert getattr(importlib.import_module(f"themis.cli.{module}"), attribute).name == name


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"themis {' '.join(words)}" in shown.partition("Example")[2]


def test_the_list_has_groups_and_leaves_out_what_others_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    titles = [line.rstrip(":") for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options", *SECTIONS, "Examples"]
    listed = {line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "}
    assert not listed & set(UNLISTED)
    assert set(COMMANDS) - set(UNLISTED) <= listed


@pytest.mark.parametrize("words", [[], ["run"], ["queue"], ["queue", "list"], ["quickcheck"]], ids=" ".join)
def test_help_on_a_command_is_what_its_option_shows(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    by_option = capsys.readouterr().out
    assert main(["help", *words]) == 0
    assert capsys.readouterr().out == by_option


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_has_a_short_option_too(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0
    assert capsys.readouterr().out.startswith("themis ")


def test_without_words_the_help_is_shown_as_what_was_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == errors.BAD_INPUT
    assert "themis demo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rn"], "no command 'rn'; did you mean \"run\"? See themis --help"),
        (["queue", "lst"], "no command 'lst'; did you mean \"list\"? See themis queue --help"),
        (["help", "queue", "lst"], "no command 'lst'; did you mean \"list\"? See themis queue --help"),
        (["help", "run", "x"], "themis run has no commands below it; see themis run --help"),
        (["run"], "name the config file, as in: themis run experiment.yaml; see themis run --help"),
        (
            ["config", "validate"],
            "name the config file, as in: themis config validate experiment.yaml; see themis config validate --help",
        ),
        (["run", "x.yaml", "--config", "y.yaml"], "give x.yaml or --config, not both; see themis run --help"),
        (["run", "--confg", "x"], "no option '--confg'; did you mean \"--config\"? See themis run --help"),
        (["--versoin"], "no option '--versoin'; did you mean \"--version\"? See themis --help"),
        (
            ["run", "e.yaml", "--model", "gpt-4"],
            f"no option '--model'; {REPLACED}; see themis run --help",
        ),
        (["status", "--model", "gpt-4"], "no option '--model'; see themis status --help"),
        (
            ["report", "x", "--output", "f"],
            "no option '--output'; results go to standard output: > FILE keeps them; see themis report --help",
        ),
        (["run", "a.yaml", "b.yaml"], f"unexpected argument 'b.yaml'; {ONE_CONFIG}; see themis run --help"),
        (
            ["list", "mine"],
            (
                "unexpected argument 'mine'; --name mine lists the runs of that name, group:mine those of a group; "
                "see themis list --help"
            ),
        ),
        (["queue", "pause", "x"], "unexpected argument 'x'; see themis queue pause --help"),
        (["init"], "missing option --path, as in: themis init --path mine; see themis init --help"),
        (["status", "--watch"], "no option '--watch'; themis queue watch shows a queue live; see themis status --help"),
        (
            ["worker", "--workers", "2"],
            "no option '--workers'; --slots N runs N experiments at a time; see themis worker start --help",
        ),
        (
            ["quick-eval", "--model", "openai/gpt-5.4-mini"],
            f"no option '--model'; {OF_COMMANDS}; see themis quick-eval --help",
        ),
        (
            ["run", "e.yaml", "--store", "results.db"],
            f"no option '--store'; {PATH_OF_A_STORE}; see themis run --help",
        ),
        (
            ["queue", "retry", "--all"],
            'no option \'--all\'; did you mean "--all-failed" or "--all-matching"? See themis queue retry --help',
        ),
        (["inspect", "e.yaml"], "name a command before e.yaml: evaluation, snapshot, state; see themis inspect --help"),
        (["worker", "run", "--slots", "2"], f"no option '--slots'; {ONE_EXPERIMENT}; see themis worker run --help"),
        (
            ["run", "e.yaml", "--limit", "0"],
            "Invalid value for '--limit': 0 is not a whole number from 1 to 1000000; see themis run --help",
        ),
        (["queue", "list", "--set", "a=b"], "--set needs --config; see themis queue list --help"),
        (
            ["queue", "list", "--queue-root", "q", "--config", "c.yaml"],
            "give --queue-root or --config, not both; see themis queue list --help",
        ),
    ],
)
def test_a_mistyped_line_is_one_line_that_says_what_to_look_at(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == errors.BAD_INPUT
    assert capsys.readouterr() == ("", f"themis: error: {said}\n")


def test_a_semicolon_stays_with_the_command_before_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["run"]) == errors.BAD_INPUT
    shown = capsys.readouterr().err
    assert "themis run experiment.yaml; see" in " ".join(shown.split())


def test_the_help_of_a_group_has_the_sentence_of_each_command_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "..." not in shown.partition("Commands:")[2]
    sentence = "Change the priority of a queued job, or the time before which it is not taken."
    assert sentence in " ".join(shown.split())


def ending(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """What `themis` ends with when a command raises `error`."""

    def fail(ctx: click.Context) -> None:
        raise error

    monkeypatch.setattr(cli, "invoke", fail)
    return main(["demo"])


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UnknownRunError(run_id="r", nearest=""), 2, "error: run r: not in this store"),
        (StoreFullError(path="p", detail="d"), 4, "error: p: the disk is full, or a quota is used up (d); free some"),
        (PermissionError(13, "Permission denied", "/srv/q"), 4, "error: /srv/q: Permission denied"),
        (KeyError("x\n\x1b[2J"), 1, "internal error: KeyError: 'x\\n\\x1b[2J' (set THEMIS_DEBUG=1 to see where)"),
        (ValueError("two\nlines\x1b[2J"), 1, "internal error: ValueError: two lines\N{REPLACEMENT CHARACTER}[2J (set"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_a_command_raises_becomes_one_line_and_an_exit_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ending(error, monkeypatch) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"themis: {said}")


def test_a_traceback_is_shown_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THEMIS_DEBUG", "1")
    assert ending(ZeroDivisionError("by zero"), monkeypatch) == errors.INTERNAL_ERROR
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert "themis: internal error: ZeroDivisionError: by zero" in shown


@pytest.mark.not_smoke
def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "themis", "config", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == errors.BROKEN_PIPE


@pytest.mark.parametrize("module", ["themis", "themis.cli"])
def test_python_runs_it_as_a_module(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("themis ")
