"""What a person who makes a mistake is told: one clear line, or the mistake works.

The messages were read, and graded, by a person. Whoever changes one reads it again as somebody would who is tired.
"""

from pathlib import Path

import pytest

from tests.acceptance.mistakes import in_components, in_configs, in_data, in_python, in_queues, in_stores
from tests.acceptance.mistakes.lab import Lab, lab_in
from tests.acceptance.mistakes.table import Mistake

TABLES = (in_configs, in_components, in_data, in_queues, in_stores, in_python)
MISTAKES: list[Mistake] = [mistake for table in TABLES for mistake in table.MISTAKES]

COUNT = 83
NEVER = ("Traceback", "errors.pydantic.dev", "RuntimeWarning", "internal error", "Input should", "input should")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    """A small experiment in a folder that everybody may look into."""
    for variable in ("THEMIS_DEBUG", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", "/home-of-a-test")
    monkeypatch.setattr("themis.core.stores.run_locks.PATIENCE_S", 0.05)
    monkeypatch.chdir(tmp_path)
    return lab_in(tmp_path, capsys)


def marked(mistake: Mistake) -> object:
    marks = [pytest.mark.xfail(strict=True, reason=mistake.unless)] if mistake.unless else []
    if mistake.is_slow:
        marks.append(pytest.mark.slow)
    return pytest.param(mistake, id=f"{mistake.number}: {mistake.what}", marks=marks)


@pytest.mark.parametrize("mistake", [*map(marked, MISTAKES)])
def test_a_mistake_is_told_in_words_that_help(mistake: Mistake, lab: Lab) -> None:
    done = mistake.make(lab)
    said = f"{done.out}{done.err}"
    assert done.code == mistake.code, said
    assert [words for words in mistake.words if words not in said] == [], said
    assert [words for words in (*NEVER, *mistake.never) if words in said] == [], said
    if done.code == 2:
        assert done.out == ""
        assert done.err.startswith("themis: error: ")
        assert done.err.count("\n") == 1


def test_each_mistake_has_a_row_and_nearly_all_are_told_in_one_clear_line() -> None:
    grades: dict[str, set[str]] = {}
    for mistake in MISTAKES:
        grades.setdefault(mistake.number.rstrip("bc"), set()).add(mistake.grade)
    assert set(grades) == {str(number) for number in range(1, COUNT + 1)}
    assert len([number for number, given in grades.items() if "B" not in given]) >= COUNT - 8
