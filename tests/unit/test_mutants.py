"""The changes that `make mutants` makes: one line, one thing, still Python."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.mutants import known
from tests.mutants.__main__ import AREAS, harmless_changes, not_made
from tests.mutants.changes import mutants_of
from tests.mutants.known import Known, complaints, known_changes
from tests.mutants.scratch import REPOSITORY, Copy
from tests.mutants.trials import NEAR


def _changed(tmp_path: Path, *lines: str) -> list[str]:
    """What becomes of a function's body, each change as its changed lines are after it."""
    text = "async def f(a, b, c, log):\n" + "".join(f"    {line}\n" for line in lines)
    (tmp_path / "m.py").write_text(text)
    found = mutants_of(tmp_path, "m.py")
    for mutant in found:
        ast.parse(mutant.text)
        assert mutant.text != text
        changed = [
            n
            for n, pair in enumerate(zip(mutant.text.split("\n"), text.split("\n"), strict=False), 1)
            if len(set(pair)) > 1
        ]
        assert changed[0] in range(mutant.line, mutant.last_line + 1)
    return [mutant.after for mutant in found]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("log(a)", ["pass"]),
        ("await log(a)", ["pass"]),
        ("a.b = c", ["pass"]),
        ("a += b", ["pass"]),
        ("raise a", ["pass"]),
        ("return a", ["return None"]),
        ("return None", []),
        ("return False", ["return True"]),
        ("return", []),
        ('"""A docstring."""', []),
        ("a = b < c", ["a = b <= c"]),
        ("a = b <= c", ["a = b < c"]),
        ("a = b is not c", ["a = b is c"]),
        ("a = b not in c", ["a = b in c"]),
        ("a = not b", ["a = b"]),
        ("a = b + c", ["a = b - c"]),
        ("a = b and c == b", ["a = b or (c == b)", "a = (c == b)", "a = b", "a = b and c != b"]),
        ("a = True", ["a = False"]),
        ("a = 0", ["a = 1"]),
        ("a = 7", []),
        ("a = min(b, c)", ["a = max(b, c)"]),
        ("a = b if c else log", ["a = b if not (c) else log"]),
        (
            'a = "UPDATE t SET v = 1 WHERE k = ? AND w <= ?"',
            ['a = "UPDATE t SET v = 1 WHERE k = ? OR w <= ?"', 'a = "UPDATE t SET v = 1 WHERE k = ? AND w < ?"'],
        ),
        ('a = "and 0 < 1"', []),
        ('a = f"{b + 1} and {not c}"', []),
    ],
)
def test_a_line_is_changed_in_each_of_these_ways(tmp_path: Path, line: str, after: list[str]) -> None:
    assert _changed(tmp_path, line) == after


def test_conditions_loops_and_handlers_are_changed_too(tmp_path: Path) -> None:
    assert _changed(tmp_path, "while log(a):", "    if a == b:", "        continue", "    break") == [
        "while not (log(a)):",
        "if a != b:",
        "break",
        "continue",
    ]
    assert _changed(tmp_path, "try:", "    a = b", "except ValueError:", "    c = log(b)") == ["pass"]


def test_what_an_argument_is_when_nobody_says_concerns_the_whole_function(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def f(a=True):\n    b = a\n    return\n")
    (mutant,) = mutants_of(tmp_path, "m.py")
    assert (mutant.after, mutant.line, mutant.last_line) == ("def f(a=False):", 1, 3)


def test_nothing_outside_functions_is_changed_but_statements_of_sql(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        'LIMIT = 1\nSELECT = "SELECT v FROM t WHERE a = ? AND b"\n\nclass C:\n    x: int = 0\n'
    )
    assert [mutant.before[:6] for mutant in mutants_of(tmp_path, "m.py")] == ["SELECT"]


@pytest.mark.slow
def test_a_file_that_was_changed_in_the_copy_is_put_back(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    path = copy.tree / "themis" / "core" / "text" / "lines.py"
    before = path.read_text()
    copy.write("themis/core/text/lines.py", "one")
    copy.write("themis/core/text/lines.py", "two")
    assert path.read_text() == "two"
    copy.restore("themis/core/text/lines.py")
    assert path.read_text() == before


class Told(Copy):
    """A copy whose tests come to what it is told: exit codes, in their order."""

    def __init__(self, folder: Path, codes: Sequence[int | None]) -> None:
        self.tree = folder
        self.codes = list(codes)
        self._before = {}

    def pytest(self, *_: object) -> tuple[int | None, str]:
        return self.codes.pop(0), "FAILED"


NO_MORE = Known("m.py", "a = b + c", "a = b - c", "tests/test_m.py")


@pytest.mark.parametrize(
    ("change", "codes", "complaint"),
    [
        (NO_MORE, [0, 1], None),
        (NO_MORE, [0, None], None),
        (NO_MORE, [0, 0], "tests/test_m.py does not notice it: m.py: a = b + c -> a = b - c"),
        (NO_MORE, [1], "the tests are red as they are"),
        (Known("m.py", "a = b * c", "a = b - c", "tests/test_m.py"), [0], "is made 0 times"),
        (Known("m.py", "return 1", "return None", "tests/test_m.py"), [0], "is made 2 times"),
    ],
)
def test_a_known_change_must_be_made_and_noticed_and_its_tests_be_green_without_it(
    tmp_path: Path, change: Known, codes: list[int | None], complaint: str | None
) -> None:
    text = "def f(b, c):\n    a = b + c\n    if a:\n        return 1\n    return 1\n"
    (tmp_path / "m.py").write_text(text)
    copy = Told(tmp_path, codes)
    found = list(complaints(copy, [change]))
    assert [one.partition(complaint or " ")[0] for one in found] == ([] if complaint is None else [""])
    assert (copy.codes, (tmp_path / "m.py").read_text()) == ([], text)


def test_each_known_change_is_one_of_those_that_are_made_today() -> None:
    changes = known_changes()
    assert len(changes) >= 12
    for change in changes:
        assert (REPOSITORY / change.by).is_file(), change.by
        made = mutants_of(REPOSITORY, change.path, only={(change.before, change.after)})
        assert len(made) == 1, f"{known.FILE.name}: {change.path}: {change.before}"


def test_each_area_has_files_and_tests_that_are_near() -> None:
    assert [glob for globs in AREAS.values() for glob in globs if not any(REPOSITORY.glob(glob))] == []
    assert [area for area in NEAR if not (REPOSITORY / area).exists()] == []
    named = [test for tests in NEAR.values() for test in tests]
    assert [test for test in named if not any(REPOSITORY.glob(f"{test}*"))] == []


def test_each_change_that_is_known_to_be_harmless_can_still_be_made() -> None:
    assert not_made(harmless_changes()) == []
