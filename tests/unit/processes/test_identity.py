"""In which place a pid is valid: a machine since its last start, and a PID namespace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from themis.core.processes import identity
from themis_workers import capabilities

PRINTS_ITS_PLACE = """
import os
from themis.core.processes import identity
from themis_workers import linux
linux.leave_pid_namespace()
if (child := os.fork()) == 0:
    before = identity.this_place().namespace
    linux.mount_own_proc()
    print(os.getpid(), before, identity.this_place().namespace)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_processes_of_one_machine_and_namespace_are_in_one_place() -> None:
    place = identity.this_place()
    assert place.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert place.namespace > 0
    program = "from themis.core.processes import identity; print(identity.this_place())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(place)


def test_a_pid_namespace_is_a_place_of_its_own_once_proc_shows_it() -> None:
    if capabilities.namespaces_refused() is not None:
        pytest.skip("this user may make no PID namespace here")
    done = subprocess.run([sys.executable, "-c", PRINTS_ITS_PLACE], capture_output=True, text=True, check=True)
    pid, before, after = map(int, done.stdout.split())
    assert (pid, before) == (1, 0), "where /proc shows other pids than its own, a process says nothing"
    assert after not in {0, identity.this_place().namespace}


def test_where_proc_says_nothing_the_namespace_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 0)
    assert identity.this_place().namespace == 0
