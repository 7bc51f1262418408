"""A host knows which of its own processes are dead, and nothing of those of others."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from themis.core.queue.folder.processes import this_process
from themis.core.queue.rows.this_host import FOLDER_VARIABLE, ThisHost, queues_folder
from themis.core.stores.job_rows import Owner

ENDS = """
import os, signal, sys
from themis.core.queue.folder.processes import this_process
from themis.core.queue.rows.this_host import ThisHost
owner = this_process("gone")
ThisHost("queue").keep_lock(owner)
print(owner.pid, owner.pid_started, flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ThisHost:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return ThisHost("queue")


def ended(how: str) -> Owner:
    done = subprocess.run([sys.executable, "-c", ENDS, how], capture_output=True, text=True, check=False)
    pid, started = map(int, done.stdout.split())
    return replace(this_process("gone"), pid=pid, pid_started=started)


def test_a_process_lives_while_it_keeps_its_lock_and_is_dead_once_it_was_killed(here: ThisHost) -> None:
    here.keep_lock(this_process())
    assert not ThisHost("queue").is_dead(this_process(), None)
    assert here.is_dead(ended("killed"), None)


def test_a_process_that_ends_by_itself_leaves_nothing(here: ThisHost) -> None:
    assert not here.is_dead(ended("by itself"), None)
    assert list((here.folder / "locks").glob("*.lock")) == []


def test_of_a_process_of_another_host_nothing_is_known_though_its_lock_is_seen(here: ThisHost) -> None:
    dead = replace(ended("killed"), host="far")
    assert not here.is_dead(dead, None)
    here.abandon("token")
    assert here.is_dead(dead, "token"), "a claim that this very process gave up"


def test_an_excuse_is_known_to_every_process_of_the_host_until_the_attempt_is_settled(here: ThisHost) -> None:
    here.excuse("token")
    assert ThisHost("queue").is_excused("token")
    here.forget("token")
    assert not ThisHost("queue").is_excused("token")
    assert not here.is_excused(None)


def test_the_folder_is_where_the_environment_says_or_where_this_user_keeps_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert queues_folder() == tmp_path / "themis" / "queues"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert queues_folder() == Path.home() / ".local" / "state" / "themis" / "queues"
