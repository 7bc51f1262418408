"""Which tests run which lines: measured once, by running them all under coverage.

This module is also the plug-in that tells coverage which test runs. Processes that a test starts are measured too: they
inherit the name of the test in PYTEST_CURRENT_TEST, and coverage's own start-up file begins to measure them.
"""

import difflib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.mutants.scratch import Copy

_SETTINGS = """\
[run]
data_file = {folder}/coverage
parallel = true
source = themis
core = ctrace
context = ${{PYTEST_CURRENT_TEST-}}
patch = _exit, fork
disable_warnings = no-data-collected, module-not-measured, module-not-imported, couldnt-parse
"""
_LONGEST_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one measurement found.

    Attributes:
        lines: of each file, the tests that run each line.
        texts: of each file, its text then.
    """

    lines: dict[str, dict[int, list[str]]]
    texts: dict[str, str]

    def tests_of(self, tree: Path, path: str, first: int, last: int) -> Iterator[str]:
        """The tests that run some lines of a file, by their numbers in the tree."""
        known = self.lines.get(path, {})
        for number in self._numbers_then(tree, path, range(first, last + 1)):
            yield from known.get(number, ())

    def _numbers_then(self, tree: Path, path: str, numbers: Sequence[int]) -> Iterator[int]:
        then = self.texts.get(path, "").splitlines()
        now = (tree / path).read_text(encoding="utf-8").splitlines()
        if then == now:
            yield from numbers
            return
        for block in difflib.SequenceMatcher(None, then, now, autojunk=False).get_matching_blocks():
            yield from (n - block.b + block.a for n in numbers if block.b < n <= block.b + block.size)


@dataclass(slots=True)
class Record:
    """What is known of the tests, by one measurement or several.

    Attributes:
        seconds: that each test took that passed.
        parts: the measurements.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)

    def tests_of(self, tree: Path, path: str, first: int, last: int) -> set[str]:
        """The tests that run some lines of a file of a tree."""
        found = {test for part in self.parts for test in part.tests_of(tree, path, first, last)}
        return found & self.seconds.keys()

    def add(self, other: "Record") -> None:
        """Know what a later measurement of some files of tests found instead of what was known of them."""
        files = {test.partition("::")[0] for test in other.seconds}
        self.seconds = {test: s for test, s in self.seconds.items() if test.partition("::")[0] not in files}
        self.seconds |= other.seconds
        self.parts += other.parts

    def save(self, path: Path) -> None:
        """Keep it, each test's long name once."""
        names = sorted({test for part in self.parts for of in part.lines.values() for ts in of.values() for test in ts})
        place = {name: number for number, name in enumerate(names)}
        parts = [
            {
                "texts": part.texts,
                "lines": {
                    file: {number: [place[test] for test in tests] for number, tests in of.items()}
                    for file, of in part.lines.items()
                },
            }
            for part in self.parts
        ]
        path.write_text(json.dumps({"seconds": self.seconds, "names": names, "parts": parts}))

    @classmethod
    def load(cls, path: Path) -> "Record":
        """One that was kept."""
        facts = json.loads(path.read_text())
        names = facts["names"]
        parts = [
            Part(
                {
                    file: {int(number): [names[place] for place in tests] for number, tests in of.items()}
                    for file, of in part["lines"].items()
                },
                part["texts"],
            )
            for part in facts["parts"]
        ]
        return cls(facts["seconds"], parts)


def record(copy: Copy, chosen: Sequence[str]) -> Record:
    """Run tests, by pytest's arguments, and see which lines each runs."""
    folder = copy.folder / "recorded"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("coverage*"):
        old.unlink()
    (folder / "times.jsonl").unlink(missing_ok=True)
    (folder / "settings").write_text(_SETTINGS.format(folder=folder))
    variables = {
        "COVERAGE_PROCESS_START": str(folder / "settings"),
        "THEMIS_MUTANTS_TIMES": str(folder / "times.jsonl"),
    }
    code, output = copy.pytest(["-p", "tests.mutants.recording", *chosen], _LONGEST_S, variables)
    (folder / "output").write_text(output)
    if code not in {0, 1}:
        msg = f"the tests did not come to their end ({code}), so that nothing is known of them; see {folder / 'output'}"
        raise RuntimeError(msg)
    times = [json.loads(line) for line in (folder / "times.jsonl").read_text().splitlines()]
    seconds = {test: seconds for test, seconds, passed in times if passed}
    measured: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for data in folder.glob("coverage*"):
        _read(data, copy.tree, measured)
        data.unlink()
    lines = {path: {number: sorted(tests) for number, tests in of.items()} for path, of in sorted(measured.items())}
    texts = {path: (copy.tree / path).read_text(encoding="utf-8") for path in lines}
    return Record(seconds, [Part(lines, texts)])


def _read(data: Path, tree: Path, measured: dict[str, dict[int, set[str]]]) -> None:
    from coverage.numbits import numbits_to_nums  # noqa: PLC0415  # only whoever records needs coverage

    query = (
        "SELECT path, context, numbits FROM line_bits"
        " JOIN file ON file.id = file_id JOIN context ON context.id = context_id"
    )
    try:
        with closing(sqlite3.connect(data)) as connection:
            rows = connection.execute(query).fetchall()
    except sqlite3.DatabaseError:
        return  # of a process that was killed while it wrote
    for path, context, numbits in rows:
        name = str(Path(path).relative_to(tree)) if Path(path).is_relative_to(tree) else None
        # A child's context is "tests/….py::test (call)", this process's is "|tests/….py::test".
        test = context.rpartition("|")[2].removesuffix(" (call)").removesuffix(" (setup)").removesuffix(" (teardown)")
        if name is not None and test:
            for number in numbits_to_nums(numbits):
                measured[name][number].add(test)


# --- inside the tests' own process


class _Teller:
    """Tells coverage which test runs, and writes down how long each took and whether it passed."""

    def __init__(self, coverage: "object", times: Path) -> None:
        self._coverage = coverage
        self._times = times

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)  # type: ignore[attr-defined]
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            with self._times.open("a") as file:
                file.write(json.dumps([report.nodeid, round(report.duration, 3), report.passed]) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to tell."""
    import os  # noqa: PLC0415

    from coverage import Coverage  # noqa: PLC0415

    running = Coverage.current()
    assert running is not None
    config.pluginmanager.register(_Teller(running, Path(os.environ["THEMIS_MUTANTS_TIMES"])))
