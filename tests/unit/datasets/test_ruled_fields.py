"""Fields of a case that follow from a rule."""

import json
from pathlib import Path
from typing import Any

import pytest

from themis.core.config import DatasetFile
from themis.core.configuration.config_file import validate
from themis.core.datasets import FileSource
from themis.core.errors import ConfigError, DatasetError
from themis.core.models import Case


def cases(tmp_path: Path, rows: list[dict[str, Any]], fields: dict[str, Any], **others: Any) -> list[Case]:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    spec = validate(DatasetFile, {"dataset_id": "d", "path": str(file), "fields": fields, **others}, where="test")
    return list(FileSource("d", spec.path, spec.fields, selection=spec.selection).cases())


def test_the_expected_output_is_parsed_out_of_a_worked_solution(tmp_path: Path) -> None:
    rows = [{"q": "2 + 3?", "a": "2 and 3 make 5.\n#### 5"}, {"q": "Half of 3?", "a": r"so \boxed{\frac{3}{2}}."}]
    found = cases(tmp_path, rows, {"input": "q", "expected_output": {"path": "a", "parse": "builtin/math_answer"}})
    assert [case.expected_output for case in found] == ["5", r"\frac{3}{2}"]


def test_a_label_is_looked_up_among_the_labels_of_the_choices(tmp_path: Path) -> None:
    rows = [
        {"q": "?", "choices": {"text": ["ice", "steam"], "label": ["A", "B"]}, "key": "B"},
        {"q": "?", "choices": {"text": ["ice", "steam"], "label": ["1", "2"]}, "key": "1"},
    ]
    fields = {"input": "q", "choices": "choices.text", "answer": {"path": "key", "among": "choices.label"}}
    found = cases(tmp_path, rows, fields, choices={"answer_as": "index"})
    assert [case.expected_output for case in found] == ["B", "A"]


def test_several_choices_may_be_right_and_are_all_looked_up(tmp_path: Path) -> None:
    rows = [{"q": "?", "t": {"choices": ["a", "b", "c", "d"], "labels": [1, 0, 1, 0]}}]
    fields = {
        "input": "q",
        "choices": "t.choices",
        "answer": {"value": 1, "among": "t.labels", "every": True},
    }
    (case,) = cases(tmp_path, rows, fields)
    assert case.expected_output == ["A", "C"]
    (shuffled,) = cases(tmp_path, rows, fields, shuffle_choices=3)
    assert isinstance(shuffled.input, dict)
    assert isinstance(shuffled.expected_output, list)
    texts: Any = shuffled.input["choices"]
    assert texts != ["a", "b", "c", "d"]
    assert sorted(texts["ABCD".index(str(letter))] for letter in shuffled.expected_output) == ["a", "c"]
    with pytest.raises(DatasetError, match="the answer is an empty list"):
        cases(tmp_path, [{"q": "?", "t": {"choices": ["a"], "labels": [0]}}], fields)


def test_an_object_is_made_of_several_values_and_a_value_is_the_same_for_each_record(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"prompt": "def f():", "tests": {"unit": "assert f()"}}]
    fields = {
        "input": "prompt",
        "expected_output": {"parts": {"prompt": "prompt", "test": "tests.unit"}},
        "metadata": {"value": {"set": "mine"}},
    }
    (case,) = cases(tmp_path, rows, fields)
    assert case.expected_output == {"prompt": "def f():", "test": "assert f()"}
    assert case.metadata == {"set": "mine"}


def test_a_value_gets_the_name_that_it_stands_for_and_others_stay(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"q": "x", "label": 0}, {"q": "y", "label": True}, {"q": "z", "label": "B"}]
    rule = {"path": "label", "names": {"0": "A", "true": "B"}}
    found = cases(tmp_path, rows, {"input": "q", "expected_output": rule})
    assert [case.expected_output for case in found] == ["A", "B", "B"]


def test_choices_may_be_given_by_their_letters(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"q": "?", "options": {"B": "two", "A": "one", "C": None}, "key": "B"}]
    (case,) = cases(tmp_path, rows, {"input": "q", "choices": "options", "answer": "key"})
    assert case.input == {"question": "?", "choices": ["one", "two"]}
    assert case.expected_output == "B"


def test_a_filter_for_null_keeps_the_records_without_a_value(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"input": "a", "image": None},
        {"input": "b", "image": "x.png"},
        {"input": "c", "image": ""},
    ]
    assert [case.input for case in cases(tmp_path, rows, {"input": "input"}, filter={"image": None})] == ["a"]
    assert [case.input for case in cases(tmp_path, rows, {"input": "input"}, filter={"image": [None, ""]})] == [
        "a",
        "c",
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            {"path": "a", "parse": "builtin/math_anser"},
            "not 'builtin/math_anser'; did you mean \"builtin/math_answer\"?",
        ),
        ({"path": "a", "parse": "builtin/exact_match"}, "is not a parser"),
        ({"path": "a", "parse": "os:getcwd"}, "`parse` takes a shipped parser"),
        ({"path": "a", "parse": "builtin/choice_letter"}, "builtin/choice_letter finds nothing in '5'"),
        ({"path": "a", "among": "q"}, "'5' is not once in the list q"),
        ({"path": "b"}, "has no 'b', which fields.expected_output names"),
        ({"parts": {"x": "a", "y": "b.c"}}, "has no 'b', which fields.expected_output names"),
    ],
)
def test_a_rule_that_fits_no_record_is_one_clear_line(tmp_path: Path, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(DatasetError) as failed:
        cases(tmp_path, [{"q": "2 + 3?", "a": "5"}], {"input": "q", "expected_output": rule})
    assert words in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_dataset_with_rules_is_the_same_when_it_is_read_back() -> None:
    fields = {"input": "q", "choices": {"value": ["A", "B"]}, "answer": {"path": "a", "among": "labels"}}
    spec = DatasetFile.model_validate({"dataset_id": "d", "path": "x.jsonl", "fields": fields})
    assert DatasetFile.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "needs one of `path`, `value` and `parts`"),
        ({"path": "a", "value": 1}, "needs one of `path`, `value` and `parts`"),
        ({"path": "a..b"}, "'a..b' is not a dotted path"),
        ({"path": "a", "pares": "x"}, "pares"),
    ],
)
def test_a_rule_that_is_none_is_refused_by_its_key(tmp_path: Path, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as failed:
        cases(tmp_path, [], {"input": "q", "expected_output": rule})
    assert words in str(failed.value)
    assert "fields.expected_output" in str(failed.value)
    assert "<" not in str(failed.value)
