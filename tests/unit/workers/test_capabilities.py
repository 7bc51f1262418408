"""What this machine can, and what is done where it cannot."""

import os
import sys
import threading
from pathlib import Path

import pytest

from themis.core.errors import ConfigError, IsolationError
from themis.core.processes import identity
from themis.core.processes.isolation import CHOICES, Isolation
from themis_workers import capabilities, linux
from themis_workers.settings import load_settings


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A POSIX system that is not Linux."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(identity, "stat_fields", lambda _: [])
    monkeypatch.setattr(capabilities, "tells_senders", lambda: False)
    capabilities.namespaces_refused.cache_clear()


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux, with `/proc` hidden, where no namespace may be made."""
    monkeypatch.setattr(identity, "stat_fields", lambda _: [])
    monkeypatch.setattr(capabilities, "namespaces_refused", lambda: "no PID namespace may be made")


def test_the_names_of_the_settings_are_those_of_the_isolations() -> None:
    for name in CHOICES:
        assert load_settings({"isolation": name}, None).isolation == name
    assert load_settings({"isolation": "keeper"}, None).isolation == "supervisor", "as it was called"
    assert load_settings({}, None).isolation == "auto"
    with pytest.raises(ConfigError, match=r"isolation: .*'group'"):
        load_settings({"isolation": "wishful"}, None)


def test_process_groups_are_the_floor_that_is_everywhere(elsewhere: None) -> None:
    assert capabilities.best_isolation() is Isolation.GROUP
    capabilities.refuse_impossible("auto")
    capabilities.refuse_impossible("group")
    capabilities.name_this_process("no prctl is called")
    for isolation in ("namespace", "supervisor"):
        with pytest.raises(IsolationError, match=rf"--isolation {isolation} is not possible here: .*Linux") as raised:
            capabilities.refuse_impossible(isolation)
        assert raised.value.exit_code == 2
        assert "\n" not in str(raised.value)


def test_a_supervisor_needs_to_see_processes(hidden: None) -> None:
    assert capabilities.best_isolation() is Isolation.GROUP
    with pytest.raises(IsolationError, match="/proc does not show the processes; use --isolation auto"):
        capabilities.refuse_impossible("supervisor")


def test_the_strongest_that_is_possible_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    possible = set(Isolation)
    monkeypatch.setattr(capabilities, "why_not", lambda isolation: None if isolation in possible else "not here")
    for isolation in (Isolation.NAMESPACE, Isolation.SUPERVISOR, Isolation.GROUP):
        assert capabilities.best_isolation() is isolation
        possible.discard(isolation)


@pytest.mark.skipif(sys.platform != "linux", reason="PID namespaces are Linux's")
def test_whether_namespaces_are_permitted_is_tried_and_the_system_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    if threading.active_count() > 1:
        pytest.skip("a process with threads is not forked")
    capabilities.namespaces_refused.cache_clear()

    def refuse() -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as refusing:
        refusing.setattr(linux, "leave_pid_namespace", refuse)
        assert capabilities.namespaces_refused() == (
            "no PID namespace with a /proc of its own can be created (Operation not permitted)"
        )
    capabilities.namespaces_refused.cache_clear()
    with monkeypatch.context() as refusing:
        refusing.setattr(linux, "mount_own_proc", refuse)
        refusing.setattr(linux, "leave_pid_namespace", lambda: None)
        assert "Operation not permitted" in str(capabilities.namespaces_refused())
    capabilities.namespaces_refused.cache_clear()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")
def test_what_linux_shows_is_seen() -> None:
    assert capabilities.shows_processes()
    assert capabilities.shows_memory()
    assert capabilities.controls_processes()
    assert identity.process_started(os.getpid())
