"""A hook is a real process: it may fail, hang, flood and leave children; the worker does not mind."""

import json
import os
import shlex
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.job_ended import EVENT, has_gone
from themis.core.errors import ConfigError, MissingSecretError
from themis_workers.notifications.hook import Hook

NOBODY = threading.Event()
Write = Callable[[str], str]


@pytest.fixture
def hook_of(tmp_path: Path) -> Write:
    """A command that runs a Python program in the test's folder."""

    def write(program: str) -> str:
        path = tmp_path / "a hook.py"
        path.write_text(f"#!{sys.executable}\nimport os, sys, json, time, subprocess, signal\n{program}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return shlex.join([str(path), "an argument"])

    return write


def facts_of(caplog: pytest.LogCaptureFixture, event: str) -> dict[str, Any]:
    (record,) = [record for record in caplog.records if record.getMessage() == event]
    return dict(record.__dict__["facts"])


def test_a_hook_reads_the_event_and_finds_the_most_of_it_in_its_environment(
    hook_of: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = tmp_path / "seen.json"
    program = (
        f"json.dump([sys.argv[1:], json.load(sys.stdin), dict(os.environ), os.getpgid(0) == os.getpid()],"
        f" open({str(seen)!r}, 'w')); print('all'); print('well', file=sys.stderr)"
    )
    Hook(hook_of(program)).deliver(EVENT, NOBODY)
    arguments, event, environment, leads = json.loads(seen.read_text())
    assert (arguments, leads) == (["an argument"], True)
    assert event == {
        "event": "job_ended",
        "key": EVENT.key,
        "run_id": EVENT.run_id,
        "state": "failed",
        "cause": "exit code",
        "message": EVENT.message,
        "attempt": 3,
        "worker": "w1",
        "host": "node7",
        "started_ns": 1,
        "ended_ns": 2,
        "name": "baseline",
        "cases": {"total": 40, "done": 12, "failed": 1},
        "metric_means": {"builtin/f1": 0.5, "odd": None},
        "metrics": {"builtin/f1": {"mean": 0.5, "scored": 11}},
    }
    found = {
        name: value for name, value in environment.items() if name.startswith("THEMIS_") and name not in os.environ
    }
    assert found == {
        "THEMIS_KEY": EVENT.key,
        "THEMIS_RUN_ID": EVENT.run_id,
        "THEMIS_NAME": "baseline",
        "THEMIS_STATE": "failed",
        "THEMIS_REASON": "exit code: ended with 3 and said nothing",
    }
    assert environment["PATH"] == os.environ["PATH"]
    told = facts_of(caplog, "hook ran")
    assert (told["key"], told["exit_code"], sorted(told["output"])) == (EVENT.key, 0, ["all", "well"])


def test_no_shell_sees_the_words(hook_of: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    command = hook_of("print(sys.argv[2:])") + f" '$(touch {tmp_path}/bad)' ';' '`id`' '*' '~'"
    Hook(command).deliver(EVENT, NOBODY)
    assert facts_of(caplog, "hook ran")["output"] == [str([f"$(touch {tmp_path}/bad)", ";", "`id`", "*", "~"])]
    assert not (tmp_path / "bad").exists()


def test_a_hook_that_fails_is_logged_with_what_it_printed_last(
    hook_of: Write, caplog: pytest.LogCaptureFixture
) -> None:
    Hook(hook_of("[print(number) for number in range(100)]; sys.exit(3)")).deliver(EVENT, NOBODY)
    told = facts_of(caplog, "hook failed")
    assert (told["exit_code"], told["output"]) == (3, [str(number) for number in range(90, 100)])


@pytest.mark.not_smoke
def test_a_hook_that_hangs_is_killed_with_its_children(
    hook_of: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pids = tmp_path / "pids"
    program = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "print('waiting', flush=True); time.sleep(600)"
    )
    began_s = time.monotonic()
    Hook(hook_of(program), limit_s=3).deliver(EVENT, NOBODY)
    assert time.monotonic() - began_s < 20
    assert facts_of(caplog, "hook killed")["limit_s"] == 3
    told = facts_of(caplog, "hook failed")
    assert (told["exit_code"], told["output"]) == (-9, ["waiting"])
    assert [has_gone(int(pid)) for pid in pids.read_text().split()] == [True, True]


def test_a_hook_that_floods_fills_no_memory_and_takes_no_core(hook_of: Write, caplog: pytest.LogCaptureFixture) -> None:
    program = "line = b'x' * 1023 + b'\\n'\nwhile True: os.write(1, line)"
    before_s = time.process_time()
    Hook(hook_of(program), limit_s=1.0).deliver(EVENT, NOBODY)
    assert time.process_time() - before_s < 0.5
    told = facts_of(caplog, "hook failed")
    assert len(told["output"]) <= 10
    assert sum(map(len, told["output"])) <= 4_096


def test_output_that_is_no_text_is_logged_as_far_as_it_can_be(hook_of: Write, caplog: pytest.LogCaptureFixture) -> None:
    Hook(hook_of("os.write(1, b'\\xff\\xfe\\x00ok')")).deliver(EVENT, NOBODY)
    assert facts_of(caplog, "hook ran")["output"] == ["\ufffd\ufffd\x00ok"]


def test_a_child_that_a_hook_leaves_behind_holds_nobody_up_and_lives(hook_of: Write, tmp_path: Path) -> None:
    go, mark = tmp_path / "go", tmp_path / "done"
    child = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)\nopen({str(mark)!r}, 'w')"
    Hook(hook_of(f"subprocess.Popen([sys.executable, '-c', {child!r}])")).deliver(EVENT, NOBODY)
    assert not mark.exists()
    go.touch()
    until_s = time.monotonic() + 10
    while not mark.exists() and time.monotonic() < until_s:
        time.sleep(0.02)
    assert mark.exists()


@pytest.mark.not_smoke
def test_a_hook_that_does_not_read_gets_an_event_of_any_size_all_the_same(
    hook_of: Write, caplog: pytest.LogCaptureFixture
) -> None:
    big = replace(EVENT, metric_means={f"metric-{number}": 0.5 for number in range(20_000)})
    Hook(hook_of("print('done')")).deliver(big, NOBODY)
    assert facts_of(caplog, "hook ran")["output"] == ["done"]
    caplog.clear()
    Hook(hook_of("print(len(json.load(sys.stdin)['metric_means']))")).deliver(big, NOBODY)
    assert facts_of(caplog, "hook ran")["output"] == ["20000"]


def test_a_hostile_message_is_one_line_in_the_environment_and_short_in_the_event(
    hook_of: Write, caplog: pytest.LogCaptureFixture
) -> None:
    message = "a\0b\n\x1b[2J \ud800 https://user:hunter2@example.org " + "y" * 300_000
    program = "print(repr(os.environ['THEMIS_REASON'][:40])); print(len(json.load(sys.stdin)['message'].encode()))"
    Hook(hook_of(program)).deliver(replace(EVENT, message=message), NOBODY)
    reason, length = facts_of(caplog, "hook ran")["output"]
    assert reason.isprintable()
    assert length == "4000"
    for cut in range(3_970, 4_010):
        message = "y" * cut + " https://user:hunter2@example.org"
        assert b"hunt" not in replace(EVENT, message=message).to_json()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "must name a program"),
        ("   ", "must name a program"),
        ("echo 'unclosed", "No closing quotation"),
        ("no-such-program-here x", "'no-such-program-here' is not an executable program"),
        ("/etc/passwd", "is not an executable program"),
        ("echo a\0b", "must name a program"),
        ("echo ${THEMIS_TEST_NO_SUCH}", "THEMIS_TEST_NO_SUCH is not set"),
        ("echo env:THEMIS_TEST_NO_SUCH", "THEMIS_TEST_NO_SUCH is not set"),
    ],
)
def test_a_command_that_cannot_be_run_is_said_at_the_start(command: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Hook(command)


def test_a_secret_is_resolved_when_it_is_used_and_never_split_or_logged(
    hook_of: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("THEMIS_TEST_TOKEN", "old")
    hook = Hook(
        hook_of("print(len(sys.argv), len(sys.argv[3]))") + " 'Bearer ${THEMIS_TEST_TOKEN}' env:THEMIS_TEST_TOKEN"
    )
    monkeypatch.setenv("THEMIS_TEST_TOKEN", "new hunter2; $(id)")
    hook.deliver(EVENT, NOBODY)
    assert facts_of(caplog, "hook ran")["output"] == ["4 18"]
    assert "hunter2" not in str([record.__dict__ for record in caplog.records])
    monkeypatch.delenv("THEMIS_TEST_TOKEN")
    caplog.clear()
    hook.deliver(EVENT, NOBODY)
    assert isinstance(facts_of(caplog, "hook failed")["error"], MissingSecretError)


def test_a_program_that_was_removed_meanwhile_is_logged(
    hook_of: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook(hook_of("pass"))
    (tmp_path / "a hook.py").unlink()
    hook.deliver(EVENT, NOBODY)
    assert facts_of(caplog, "hook failed")["error"] == "No such file or directory"


def test_no_descriptor_of_the_worker_is_inherited(hook_of: Write, caplog: pytest.LogCaptureFixture) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    Hook(hook_of("print(sorted(os.listdir('/proc/self/fd')))")).deliver(EVENT, NOBODY)
    assert facts_of(caplog, "hook ran")["output"] == ["['0', '1', '2', '3']"]  # the last one reads the folder
    assert set(Path("/proc/self/fd").iterdir()) == before
