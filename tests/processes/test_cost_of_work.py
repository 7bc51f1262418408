"""What a case of a run and a job of a queue cost: system calls, syncs, SQL statements and instructions, counted.

Not a timed test: the counts are the same on a slow machine. One that grew by more than a tenth turns red; where it
should grow, the same commit changes the figure, and says why.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "counted_work.py"
MOST_GROWTH = 1.1
COUNTS = {"cases": (2_000, 26_000), "noted": (2_000, 26_000), "jobs": (20, 60)}
"""A smaller and a larger number of each: their difference leaves out what starting costs."""

COSTS = {
    "cases": {"calls": 0.523, "syncs": 0.0021, "statements": 0.0277},
    "noted": {"calls": 0.523, "syncs": 0.0021, "statements": 0.0277},
    "jobs": {"calls": 94.2, "syncs": 4.0, "statements": 18.0},
}
"""Of one case, of one that is noted while it is in flight, and of one job that is submitted, claimed and settled.
Threads decide how many cases share a commit: these are the most that were seen."""

INSTRUCTIONS = {"cases": (300, 1_100, 449_300.0), "noted": (300, 1_100, 454_000.0), "jobs": (10, 40, 3_256_000.0)}
"""Under Python 3.11: two numbers of each, and the instructions of one."""

_CALLS = "%file,read,write,pread64,pwrite64,fcntl,flock,fstat,getdents64,ftruncate,fsync,fdatasync"
_SYNCS = {"fsync", "fdatasync"}


def ran(folder: Path, what: str, count: int, *before: str, options: Sequence[str] = ()) -> str:
    """The standard output of the program with `options`, started by the command `before`."""
    shutil.rmtree(folder, ignore_errors=True)
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [*before, sys.executable, str(PROGRAM), what, str(folder), str(count), *options]
    found = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    if "ptrace" in found.stderr and "not permitted" in found.stderr:
        pytest.skip("this process may not trace others")
    assert found.returncode == 0, found.stderr
    return found.stdout


def calls(folder: Path, what: str, count: int) -> dict[str, int]:
    """The system calls of the program, by name."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    summary = folder.with_suffix(".calls")
    ran(folder, what, count, program, "-f", "-c", "-o", str(summary), "-e", f"trace={_CALLS}")
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", summary.read_text(), re.MULTILINE)
    return {name: int(number) for number, name in rows if name != "total"}


def hold(what: str, kind: str, found: float) -> None:
    """Hold what one case or job costs against what it may."""
    most = COSTS[what][kind] * MOST_GROWTH
    assert 0 < found <= most, f"{found:.4g} {kind} for one of {what}, at most {most:.4g}"


@pytest.mark.parametrize("what", COUNTS)
def test_system_calls_and_syncs_do_not_grow(what: str, tmp_path: Path) -> None:
    few, many = COUNTS[what]
    smaller, larger = calls(tmp_path / "few", what, few), calls(tmp_path / "many", what, many)
    each = {name: (number - smaller.get(name, 0)) / (many - few) for name, number in larger.items()}
    hold(what, "calls", sum(each.values()))
    hold(what, "syncs", sum(each.get(name, 0.0) for name in _SYNCS))


@pytest.mark.parametrize("what", COUNTS)
def test_sql_statements_do_not_grow(what: str, tmp_path: Path) -> None:
    few, many = COUNTS[what]
    found = [int(ran(tmp_path / str(count), what, count, options=["statements"])) for count in (few, many)]
    hold(what, "statements", (found[1] - found[0]) / (many - few))


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="another interpreter has other instructions")
@pytest.mark.parametrize("what", INSTRUCTIONS)
def test_instructions_do_not_grow(what: str, tmp_path: Path, short: bool) -> None:
    if short:
        pytest.skip("the short form counts no instructions: a minute each")
    program = shutil.which("valgrind")
    if program is None:
        pytest.skip("valgrind is not installed")
    few, many, usual = INSTRUCTIONS[what]
    found = []
    for count in (few, many):
        log = tmp_path / f"{count}.log"
        ran(
            tmp_path / "work",
            what,
            count,
            program,
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
            f"--log-file={log}",
        )
        number = re.search(r"I +refs: +([\d,]+)", log.read_text())
        assert number is not None
        found.append(int(number[1].replace(",", "")))
    each = (found[1] - found[0]) / (many - few)
    assert 0 < each <= usual * MOST_GROWTH, f"{each:,.0f} instructions for one of {what}, usually {usual:,.0f}"
