"""One change, tried: the tests that run the changed line, the nearest and quickest first, until one is red."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.changes import Mutant
from tests.mutants.recording import Record
from tests.mutants.scratch import Copy

FIRST_S = 5.0
"""Seconds' worth of tests that are run before all others: most changes are noticed by them."""

MOST_S = 90.0
"""Seconds' worth of tests that one change is tried with, by the time they took when they were recorded."""

_LONGEST_TEST_S = 40.0
_PATIENCE_S = 60.0
_TIMES_SLOWER = 4.0
NEAR = {
    "themis/core/queue": ("tests/unit/queue", "tests/contracts/test_queue", "tests/processes/test_queue"),
    "themis/core/engine": ("tests/unit/engine", "tests/processes/test_experiment"),
    "themis/core/stores": (
        "tests/unit/stores",
        "tests/contracts/test_run_store",
        "tests/contracts/test_job_store",
        "tests/unit/test_reports",
    ),
    "themis/core/files/durable.py": ("tests/unit/files/test_durable", "tests/processes/test_queue_syncs"),
}
_RED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)
_NAME = re.compile(r"^([A-Z_]{3,})\b")


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a change.

    Attributes:
        mutant: the change.
        killed_by: the test that noticed it, or that the tests hung; None when none did.
        tests: how many run the changed line.
        seconds: that it took.
    """

    mutant: Mutant
    killed_by: str | None
    tests: int
    seconds: float


class Trials:
    """Tries changes in a copy of the repository."""

    def __init__(self, copy: Copy, record: Record) -> None:
        """With the tests that `record` knows and that are there still."""
        self._copy = copy
        self._record = record
        _, output = copy.pytest(["--collect-only", "-m", ""], 600.0)
        self._known = {line for line in output.splitlines() if "::" in line}

    def run(self, mutant: Mutant) -> Trial:
        """Try one change."""
        began_s = time.monotonic()
        tests = list(self._tests(mutant))
        self._copy.write(mutant.path, mutant.text)
        try:
            killed_by = self._killed_by(tests)
        finally:
            self._copy.restore(mutant.path)
        return Trial(mutant, killed_by, len(tests), time.monotonic() - began_s)

    def _killed_by(self, tests: list[str]) -> str | None:
        for batch in self._batches(tests):
            left, red = batch, self._red_of(batch)
            # What depends on the machine's mood must be red twice.
            while red is not None and red in left and _is_moody(red) and self._red_of([red]) is None:
                left = left[left.index(red) + 1 :]
                red = self._red_of(left)
            if red is not None:
                return red
        return None

    def _red_of(self, tests: list[str]) -> str | None:
        """The first of some tests that is red, or what else went wrong; None when all are green."""
        if not tests:
            return None
        chosen = self._copy.folder / "chosen"
        chosen.write_text("\n".join(tests), encoding="utf-8")
        patience_s = _PATIENCE_S + _TIMES_SLOWER * sum(self._record.seconds[test] for test in tests)
        code, output = self._copy.pytest(["-x", "-m", "", "--short", "--no-header", f"@{chosen}"], patience_s)
        if code == 0:
            return None
        if code is None:
            return "a hang"
        found = _RED.search(output)
        return found[1] if found else f"pytest ended with {code}"

    def _batches(self, tests: list[str]) -> Iterator[list[str]]:
        first: list[str] = []
        spent_s = 0.0
        for test in tests:
            spent_s += self._record.seconds[test]
            if first and spent_s > FIRST_S:
                break
            first.append(test)
        rest: list[str] = []
        for test in tests[len(first) :]:
            spent_s += self._record.seconds[test]
            if spent_s > MOST_S:
                break
            rest.append(test)
        yield first
        yield rest

    def _tests(self, mutant: Mutant) -> list[str]:
        found = self._record.tests_of(self._copy.tree, mutant.path, mutant.line, mutant.last_line)
        if name := _NAME.match(mutant.before):
            # A constant of the module: whatever runs a line that names it.
            for path, number in _lines_with(self._copy.tree, name[1], Path(mutant.path).parts[:3]):
                found |= self._record.tests_of(self._copy.tree, path, number, number)
        near = next((names for folder, names in NEAR.items() if mutant.path.startswith(folder)), ())
        seconds = self._record.seconds
        usable = [test for test in found & self._known if seconds[test] <= _LONGEST_TEST_S]
        return sorted(usable, key=lambda test: (not test.startswith(near), _is_moody(test), seconds[test], test))


def _is_moody(test: str) -> bool:
    return test.startswith(("tests/processes", "tests/acceptance"))


def _lines_with(tree: Path, name: str, area: Iterable[str]) -> Iterator[tuple[str, int]]:
    word = re.compile(rf"\b{name}\b")
    for file in sorted(tree.joinpath(*area).rglob("*.py")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if word.search(line):
                yield str(file.relative_to(tree)), number
