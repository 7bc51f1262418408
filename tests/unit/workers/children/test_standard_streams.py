"""Standard streams of a job: line by line, in UTF-8, to wherever the process was last redirected."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging, os, sys
from themis_workers.children import standard_streams
{before}
standard_streams.arrange()
read, write = os.pipe()
if os.fork() == 0:
    standard_streams.redirect(write)
    print("ü \\udcff", flush=False)
    logging.getLogger("job").info("said")
    print(repr(sys.stdin.read()), end="")
    sys.stdout.write(" last")
    standard_streams.flush()
    os.kill(os.getpid(), 11)
os.close(write)
os.wait()
os.write(int(sys.argv[1]), os.read(read, 65_536))
"""


@pytest.mark.parametrize("before", ["", "os.close(0)", "os.closerange(0, 3)"], ids=["all", "no input", "none"])
def test_a_forked_process_writes_whole_lines_to_where_it_is_redirected_and_reads_nothing(before: str) -> None:
    read, write = os.pipe()
    command = [sys.executable, "-c", PROGRAM.format(before=before), str(write)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    subprocess.run(command, pass_fds=[write], stdin=subprocess.DEVNULL, env=environment, check=True, timeout=60)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        lines = pipe.read().splitlines()
    assert lines[0] == "ü \\udcff"
    assert lines[1].endswith(" INFO job: said")
    assert lines[2].startswith("'' last")
    assert "Segmentation fault" in lines[2] or "Segmentation fault" in lines[3], "faulthandler reports a crash"
