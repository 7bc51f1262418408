"""`themis limits`: what is set and what is asked, for people and for programs, and input that cannot be."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.limit_files import fresh
from themis.cli.main import main
from themis.cli.queue import limits as command
from themis.core.shared_limits.folder import FOLDER_VARIABLE
from themis.core.shared_limits.limit_file import LimitFile
from themis.core.shared_limits.quota_document import Pause, QuotaDocument, QuotaHolder
from themis.core.shared_limits.quota_file import QuotaFile
from themis.core.values.run_rules import RunRules

NAME = "openai:https://api.openai.com/v1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "limits"))
    return tmp_path / "limits"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Print as on a terminal of so many columns."""

    def of(width: int) -> None:
        monkeypatch.setattr(command, "is_for_people", lambda *, as_json: not as_json)
        monkeypatch.setattr(command, "terminal_width", lambda: width)

    return of


def themis(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["limits", *words])
    return code, *capsys.readouterr()


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code, out, err = themis(capsys, *words)
    assert code == 0, err
    assert out.count("\n") == 1
    return json.loads(out)


def asked(provider: str, **facts: Any) -> None:
    LimitFile(provider).update(lambda now: now.with_holder(fresh(provider, **facts)))


def test_what_was_set_is_listed_until_it_is_cleared(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert document(capsys, "list") == {"limits_dir": str(folder), "providers": []}
    found = document(capsys, "set", NAME, "--max-concurrent", "24")
    assert (found["provider"], found["max_concurrent"], found["before"], found["processes"]) == (NAME, 24, None, [])
    found = document(capsys, "set", NAME, "--max-concurrent", "1000000")
    assert (found["max_concurrent"], found["before"]) == (1_000_000, 24)
    (listed,) = document(capsys, "list")["providers"]
    assert (listed["provider"], listed["max_concurrent"], listed["limit"]) == (NAME, 1_000_000, None)
    found = document(capsys, "set", NAME, "--clear")
    assert (found["max_concurrent"], found["before"]) == (None, 1_000_000)
    assert document(capsys, "list")["providers"] == []
    assert list(folder.iterdir()) == []


def test_quotas_are_set_beside_each_other_and_cleared_together(capsys: pytest.CaptureFixture[str]) -> None:
    document(capsys, "set", NAME, "--max-concurrent", "24")
    found = document(capsys, "set", NAME, "--requests-per-minute", "600", "--tokens-per-minute", "1e6")
    assert (found["max_concurrent"], found["requests_per_minute"], found["tokens_per_minute"]) == (24, 600.0, 1e6)
    assert (found["before"], found["before_requests_per_minute"]) == (24, None)
    assert document(capsys, "set", NAME, "--clear")["before_tokens_per_minute"] == 1e6
    for rate in ("0", "-3", "many", "nan", "1e12"):
        assert themis(capsys, "set", NAME, "--requests-per-minute", rate)[0] == 2


def test_what_processes_share_is_listed_by_key(capsys: pytest.CaptureFixture[str]) -> None:
    key = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"
    asked(NAME)
    quota = QuotaFile(NAME, key, print)
    rules = RunRules(tasks=8, requests_per_minute=600.0)

    def hold(document: QuotaDocument, number: int) -> None:
        document.holders[number] = QuotaHolder(7, 1, time.monotonic(), rules, in_flight=2, waiting=5, granted=3)
        document.pause = Pause(time.monotonic() + 30.0, time.monotonic(), "retry-after")

    quota.update(hold)
    (shared,) = document(capsys, "list")["providers"][0]["shared"]
    assert shared["account"] == quota.account
    assert (shared["requests_per_minute"], shared["why_closed"]) == (600.0, "retry-after")
    assert 25.0 < shared["closed_for_s"] <= 30.0
    assert shared["holders"] == [{"pid": 7, "granted": 3, "in_flight": 2, "waiting": 5}]
    quota.close()
    assert document(capsys, "list")["providers"][0]["shared"] == [], "who has closed it holds it no more"


def test_what_processes_ask_is_summed_up_and_listed_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    asked(NAME)
    asked(NAME, namespace=0, pid=7, limit=4, in_flight=4, waiting=9, why="429 3 s ago; recovering")
    asked("another", limit=None, most=None)
    another, found = document(capsys, "list")["providers"]
    assert (another["provider"], another["limit"]) == ("another", None)
    assert (found["provider"], found["limit"], found["in_flight"], found["waiting"]) == (NAME, 20, 7, 9)
    assert [process["pid"] for process in found["processes"]][1:] == [7]
    assert found["processes"][1]["why"] == "429 3 s ago; recovering"


def test_people_get_a_table_that_fits(
    capsys: pytest.CaptureFixture[str], terminal: Callable[[int], None], folder: Path
) -> None:
    terminal(120)
    assert themis(capsys, "list") == (0, "", f"themis: no provider is asked now, and no limit is set ({folder})\n")
    asked(NAME, namespace=0, pid=7, in_flight=16, waiting=9, why="429 3 s ago; recovering\x1b[2J")
    code, out, err = themis(capsys, "set", "vllm:http://localhost:8000/v1", "--max-concurrent", "1200")
    assert (code, out) == (0, "vllm:http://localhost:8000/v1: at most 1,200 calls at once for all processes together\n")
    assert "no process asks vllm:http://localhost:8000/v1 now" in err
    code, out, err = themis(capsys, "list")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["provider", "set", "limit", "now", "in", "flight", "waiting", "why", "pid"],
        [NAME, *["-", "16", "of", "100", "at", "once", "16", "9", "429", "3", "s", "ago;", "recovering�[2J", "7"]],
        ["vllm:http://localhost:8000/v1", *["1,200", "-", "-", "-", "not", "asked", "now", "-"]],
    ]
    for width in (40, 80, 200):
        terminal(width)
        shown = themis(capsys, "list")[1].splitlines()
        assert all(len(line) <= width for line in shown)
    assert json.loads(themis(capsys, "list", "--json")[1])["providers"]


def test_a_name_that_nobody_asks_is_compared_with_those_that_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    asked(NAME)
    _, _, err = themis(capsys, "set", "openai:https://api.openai.com", "--max-concurrent", "2")
    assert err.endswith(f'from its first call; did you mean "{NAME}"?\n')
    assert themis(capsys, "set", NAME, "--max-concurrent", "2")[2] == ""


def test_no_key_is_shown_or_kept(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    secret = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"  # noqa: S105  # no real one
    provider = f"openai:https://ann:{secret}@gw.example/v1?api_key={secret}"
    said = themis(capsys, "set", provider, "--max-concurrent", "2") + themis(capsys, "list")
    kept = "".join(path.name + path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert secret not in f"{said}{kept}"
    assert "openai:https://***@gw.example/v1?***" in kept
    assert document(capsys, "set", "openai:https://***@gw.example/v1?***", "--clear")["before"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", NAME], "give limits or --clear, not both"),
        (["set", NAME, "--max-concurrent", "3", "--clear"], "give limits or --clear, not both"),
        (["set", "", "--clear"], "PROVIDER is empty"),
        (["set", "--max-concurrent", "3"], "missing argument PROVIDER, as in: themis limits "),
        *((["set", NAME, "--max-concurrent", number], "--max-concurrent") for number in ("0", "-1", "1e3", "1000001")),
        (["sett"], "no command 'sett'; did you mean \"set\"?"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, out, err = themis(capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not folder.exists()


def test_a_broken_file_is_named_and_set_anew_by_the_operator(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    asked("another")
    LimitFile(NAME).path.write_bytes(b'{"format": 1, "provider": 7}')
    code, out, err = themis(capsys, "list")
    assert code == 4
    assert [one["provider"] for one in json.loads(out)["providers"]] == ["another"]
    assert err == (
        f"themis: left out: limits of providers: {LimitFile(NAME).path}: it names no provider;"
        " themis limits set writes it again, or remove it\n"
    )
    assert document(capsys, "set", NAME, "--max-concurrent", "5")["max_concurrent"] == 5
    assert len(document(capsys, "list")["providers"]) == 2


def test_a_folder_that_cannot_be_used_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "limits"))
    for words in (["list"], ["set", NAME, "--max-concurrent", "3"], ["set", NAME, "--clear"]):
        code, out, err = themis(capsys, *words)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert err.startswith("themis: error: limits of providers: ")
