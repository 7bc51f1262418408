"""The word problems that the demo makes."""

import re
from collections import Counter

import pytest

from themis.demo.problems import Problem, make_problems


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return list(make_problems(400, 7))


def test_the_same_seed_makes_the_same_problems_whatever_the_count(problems: list[Problem]) -> None:
    assert list(make_problems(100, 7)) == problems[:100]
    assert list(make_problems(100, 8)) != problems[:100]
    assert list(make_problems(0, 7)) == []


def test_the_working_is_right_and_leads_to_the_answer(problems: list[Problem]) -> None:
    operations = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__floordiv__}
    for problem in problems:
        total = None
        for line in problem.working:
            before, operation, operand, equals, result = line.split()
            assert total is None or before == total
            assert equals == "="
            assert operations[operation](int(before), int(operand)) == int(result)
            assert operation != "/" or int(before) % int(operand) == 0
            total = result
        assert problem.answer == total
        assert int(problem.answer) >= 0


def test_every_number_that_the_working_uses_stands_in_the_question(problems: list[Problem]) -> None:
    for problem in problems:
        told = set(re.findall(r"\d+", problem.question))
        assert {line.split()[2] for line in problem.working} <= told
        assert problem.working[0].split()[0] in told


def test_problems_are_varied(problems: list[Problem]) -> None:
    assert set(Counter(problem.topic for problem in problems)) == {"orchard", "savings", "bakery", "journey"}
    assert set(Counter(problem.steps for problem in problems)) >= {1, 2, 3, 4, 5, 6}
    assert len({problem.question for problem in problems}) > 390
    assert len({problem.case_id for problem in problems}) == 400
