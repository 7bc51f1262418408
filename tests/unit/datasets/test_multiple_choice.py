"""Questions with choices: read from columns or lists, their answers by index, letter or text, and shuffled."""

import json
from pathlib import Path
from typing import Any

import pytest

from themis.core.datasets import FileSource
from themis.core.errors import DatasetError
from themis.core.models import Case
from themis.core.values.dataset_selection import ChoicesConfig, DatasetSelection

CAPITALS = ["Rome", "Paris", "Bern"]
FIELDS: dict[str, Any] = {"input": "q", "choices": "options", "answer": "a"}


def read(file: Path, row: dict[str, Any], fields: dict[str, Any] | None = None, **selection: Any) -> Case:
    file.write_text(json.dumps(row))
    (case,) = FileSource("d", file, fields or FIELDS, selection=DatasetSelection(**selection)).cases()
    return case


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "c.jsonl"


@pytest.mark.parametrize("answer", [1, "1", "B", "Paris"], ids=repr)
def test_an_answer_is_an_index_a_letter_or_a_text(file: Path, answer: Any) -> None:
    case = read(file, {"q": "capital of France?", "options": CAPITALS, "a": answer})
    assert case.input == {"question": "capital of France?", "choices": CAPITALS}
    assert case.expected_output == "B"


def test_choices_may_be_columns_of_their_own_and_empty_ones_at_the_end_are_none(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("q,A,B,C,a\nx,1st,2nd,,A\ny,1st,2nd,3rd,C\n")
    fields: dict[str, Any] = {"input": "q", "choices": ["A", "B", "C"], "answer": "a"}
    cases = list(FileSource("d", path, fields).cases())
    assert [case.input["choices"] for case in cases] == [["1st", "2nd"], ["1st", "2nd", "3rd"]]  # type: ignore[index,call-overload]
    assert [case.expected_output for case in cases] == ["A", "C"]


def test_an_answer_that_may_mean_two_choices_is_refused_unless_it_is_said_what_it_is(file: Path) -> None:
    row = {"q": "1+1?", "options": ["1", "2", "3"], "a": "2"}
    with pytest.raises(DatasetError, match=r"'2' may be the index or the text of a choice: say which"):
        read(file, row)
    assert read(file, row, choices=ChoicesConfig(answer_as="text")).expected_output == "B"
    assert read(file, row, choices=ChoicesConfig(answer_as="index")).expected_output == "C"
    # Where both mean the same choice there is nothing to say.
    assert read(file, {"q": "?", "options": ["5", "1"], "a": 1}).expected_output == "B"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"a": 3}, "the answer '3' is not a choice"),
        ({"a": "D"}, "the answer 'D' is not a choice"),
        ({"a": -1}, "the answer '-1' is not a choice"),
        ({"options": "Rome"}, "the choices must be a list"),
        ({"options": []}, "there must be 1 to 26 choices, not 0"),
        ({"options": ["x"] * 27}, "there must be 1 to 26 choices, not 27"),
        ({"options": ["x", "y", "x"], "a": "x"}, "the answer 'x' is the text of more than one choice"),
        ({"options": ["x", None, "y"]}, "a choice must be a text or a number"),
        ({"options": ["x", True]}, "a choice must be a text or a number"),
    ],
)
def test_what_cannot_be_a_question_is_named_by_its_line(file: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(DatasetError, match=rf":1: {words}"):
        read(file, {"q": "?", "options": CAPITALS, "a": 0} | changed)


def test_choices_of_real_sets_may_be_one_or_equal(file: Path) -> None:
    assert read(file, {"q": "?", "options": ["Rome"], "a": 0}).expected_output == "A"
    assert read(file, {"q": "?", "options": ["x", "x", "y"], "a": "B"}).expected_output == "B"


def test_a_question_without_an_answer_has_no_expected_output(file: Path) -> None:
    assert read(file, {"q": "?", "options": CAPITALS}, {"input": "q", "choices": "options"}).expected_output is None


def test_shuffled_choices_keep_the_right_one_and_the_order_is_a_label(file: Path) -> None:
    row = {"q": "?", "options": CAPITALS, "a": 1}
    seen = set()
    for seed in range(40):
        case = read(file, row, shuffle_choices=seed)
        question: Any = case.input
        assert question["choices"]["ABC".index(str(case.expected_output))] == "Paris"
        order = [int(number) for number in case.metadata["choice_order"].split(",")]
        assert [CAPITALS[number] for number in order] == question["choices"]
        seen.add(tuple(order))
        assert case == read(file, row, shuffle_choices=seed)
    assert len(seen) == 6, "every order occurs"


def test_the_order_under_a_seed_is_pinned(file: Path) -> None:
    case = read(file, {"q": "?", "options": list("abcdefgh"), "a": 0}, shuffle_choices=1)
    assert case.metadata == {"choice_order": "5,1,4,0,6,2,7,3"}
