"""Datasets made in full, from values, a file, and the hub."""

import sys
from pathlib import Path
from typing import Any

import pytest

from themis.core.dataset_inputs import (
    dataset_from_cases,
    dataset_from_huggingface,
    dataset_from_inline,
    dataset_from_jsonl,
)
from themis.core.errors import DatasetError, MissingExtraError
from themis.core.models import Case


def test_mappings_become_numbered_cases_of_the_dataset_inline() -> None:
    own = Case(case_id="own", input=2)
    dataset = dataset_from_cases([{"input": 1, "expected_output": "x"}, own, {"input": 3, "case_id": "c"}])
    assert (dataset.dataset_id, dataset.revision) == ("inline", "inline")
    assert dataset.cases == [Case(case_id="case-1", input=1, expected_output="x"), own, Case(case_id="c", input=3)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [({}, "input"), ({"input": 1, "z": 2}, "z"), ({"input": float("nan")}, "input"), ("text", "must be a Case")],
)
def test_what_is_no_case_is_named_by_its_number(value: Any, reason: str) -> None:
    with pytest.raises(DatasetError, match=rf"dataset 'inline', case 2: .*{reason}"):
        dataset_from_cases([{"input": 1}, value])


def test_one_value_is_a_dataset_of_one_case() -> None:
    plain = dataset_from_inline(input_value={"q": 1})
    assert (plain.dataset_id, plain.revision, plain.cases) == (
        "inline",
        "inline",
        [Case(case_id="case-1", input={"q": 1})],
    )
    told = dataset_from_inline(input_value="x", expected_output="y", dataset_id="d", case_id="c", revision="r")
    assert (told.dataset_id, told.revision) == ("d", "r")
    assert told.cases == [Case(case_id="c", input="x", expected_output="y")]
    with pytest.raises(DatasetError, match="case 1: input: nan is not a number"):
        dataset_from_inline(input_value=float("nan"))


def test_a_file_gives_a_dataset_named_by_its_stem(tmp_path: Path) -> None:
    file = tmp_path / "capitals.jsonl"
    file.write_text('{"q": "France?", "a": "Paris"}\n')
    dataset = dataset_from_jsonl(file, fields={"input": "q", "expected_output": "a"}, metadata={"k": "v"})
    assert (dataset.dataset_id, dataset.revision, dataset.metadata) == ("capitals", None, {"k": "v"})
    assert dataset.cases == [Case(case_id="case-1", input="France?", expected_output="Paris")]


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'themis-eval\[datasets\]'"):
        dataset_from_huggingface(dataset_name="./s", split="test", input_field="q")
