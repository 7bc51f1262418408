"""What Linux tells."""

import os
import subprocess
import sys

import pytest

from themis_workers import capabilities, linux

pytestmark = pytest.mark.skipif(not capabilities.shows_processes(), reason="there is no /proc here")


def test_descendants_are_found_however_deep() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        while not (grandchildren := linux.descendants(process.pid)):
            assert process.poll() is None
        found = linux.descendants(os.getpid())
        assert found.index(process.pid) < found.index(grandchildren[0])
        process.communicate(b"\n")
