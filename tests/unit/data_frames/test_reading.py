"""A pandas DataFrame as data."""

import subprocess
import sys
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import pytest

from themis.core.config import EvaluationConfig
from themis.core.dataset_inputs import dataset_from_cases
from themis.core.errors import DatasetError, InvalidArgumentError
from themis.core.evaluate import evaluate
from themis.core.experiment import Experiment
from themis.core.models import Case


def cases_of(columns: Any, **how: Any) -> list[Case]:
    return dataset_from_cases(pd.DataFrame(columns, **how)).cases


def test_each_row_is_a_case_and_its_columns_are_the_keys() -> None:
    frame = pd.DataFrame({"case_id": ["a", "b"], "input": ["2 + 2", "3 + 3"], "expected_output": ["4", "7"]})
    result = evaluate("builtin/demo_generator", frame, "builtin/exact_match")
    assert [(case.dataset_id, case.case_id) for case in result.cases] == [("inline", "a"), ("inline", "b")]
    assert result.metric_means == {"builtin/exact_match": 1.0}


def test_the_same_cases_are_the_same_run_as_a_list_and_as_a_table() -> None:
    rows = [{"input": "2 + 2", "expected_output": "4"}, {"input": "3 + 3", "expected_output": "6"}]
    listed = evaluate("builtin/demo_generator", rows, "builtin/exact_match")
    assert evaluate("builtin/demo_generator", pd.DataFrame(rows), "builtin/exact_match").run_id == listed.run_id


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT], ids=repr)
def test_a_missing_value_is_one_that_is_not_given(missing: Any) -> None:
    columns = {
        "input": ["x", "y"],
        "expected_output": pd.Series(["1", missing], dtype="object"),
        "metadata.level": pd.Series([missing, "hard"], dtype="object"),
    }
    assert cases_of(columns) == [
        Case(case_id="case-1", input="x", expected_output="1"),
        Case(case_id="case-2", input="y", metadata={"level": "hard"}),
    ]


@pytest.mark.parametrize(
    ("values", "dtype", "found"),
    [
        ([1, 2, None], None, [1, 2, None]),
        ([1, 2, 3], None, [1, 2, 3]),
        ([1.0, 2.0, 3.0], None, [1.0, 2.0, 3.0]),
        ([1.0, 2.5, None], None, [1.0, 2.5, None]),
        ([1, 2, None], "Int64", [1, 2, None]),
        ([1, 2, None], "Float64", [1.0, 2.0, None]),
        ([True, False, None], "boolean", [True, False, None]),
        ([True, False, True], None, [True, False, True]),
        (["1", "2", None], "string", ["1", "2", None]),
        (["a", "b", "a"], "category", ["a", "b", "a"]),
        ([None, None, None], "float64", [None, None, None]),
    ],
    ids=range(11),
)
def test_whole_numbers_stay_whole_even_where_a_gap_has_made_them_floats(
    values: list[Any], dtype: str | None, found: list[Any]
) -> None:
    columns = {"input": ["x", "y", "z"], "expected_output": pd.Series(values, dtype=dtype)}
    read = [case.expected_output for case in cases_of(columns)]
    assert [(value, type(value)) for value in read] == [(value, type(value)) for value in found]


def test_values_of_numpy_are_pythons_own_wherever_they_stand() -> None:
    array = pd.Series([1, 2]).to_numpy()
    inner = {"inside": [array[0], {"deep": array}], "pair": (1, 2)}
    (case,) = cases_of({"input": [inner], "expected_output": [array]})
    assert case.input == {"inside": [1, {"deep": [1, 2]}], "pair": [1, 2]}
    assert case.expected_output == [1, 2]


def test_the_ids_may_be_the_index_and_any_other_index_says_nothing() -> None:
    named = pd.DataFrame({"input": ["x", "y"]}, index=pd.Index([7, 9], name="case_id"))
    assert [case.case_id for case in dataset_from_cases(named).cases] == ["7", "9"]
    filtered = pd.DataFrame({"input": ["x", "y", "z"]}).iloc[[2, 0]]
    assert [(case.case_id, case.input) for case in dataset_from_cases(filtered).cases] == [
        ("case-1", "z"),
        ("case-2", "x"),
    ]


def test_labels_may_stand_in_columns_of_their_own_and_in_mappings() -> None:
    (case,) = cases_of({"input": ["x"], "metadata": [{"a": 1}], "metadata.b": [2]})
    assert case.metadata == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"question": ["x"]}), "DataFrame: unknown column 'question'; .*rename it, as in df.rename"),
        (pd.DataFrame({"input": ["x"], "expected": ["y"]}), "'expected'; did you mean \"expected_output\""),
        (pd.DataFrame({"expected_output": ["x"]}), "DataFrame: has no column 'input'; rename one"),
        (pd.DataFrame(), "DataFrame: has no column 'input'"),
        (pd.DataFrame({0: ["x"]}), "DataFrame: unknown column '0'"),
        (pd.DataFrame({("input", "a"): ["x"]}), "DataFrame: unknown column \"\\('input', 'a'\\)\""),
        (pd.DataFrame([["x", "y"]], columns=["input", "input"]), "DataFrame: has two columns 'input'"),
        (pd.DataFrame({"input": ["x"], "metadata.": ["y"]}), "DataFrame: unknown column 'metadata.'"),
        (pd.DataFrame({"input": ["x", None]}), r"dataset 'inline', row 2 \(index 1\): input: is missing"),
        (pd.DataFrame({"input": ["x", "y"], "case_id": [1, None]}), "DataFrame: row 2 has no case_id; fill the column"),
        (pd.DataFrame({"input": [pd.Timestamp(0)]}, index=["k"]), r"row 1 \(index 'k'\): input: a Timestamp is not"),
        (pd.DataFrame({"input": [float("inf")]}), r"row 1 \(index 0\): input: inf is not a number"),
        (pd.DataFrame({"input": ["x"], "metadata": ["y"], "metadata.a": [1]}), r"row 1 \(index 0\): metadata: "),
        (pd.DataFrame({"input": ["x", "y"], "case_id": ["a", "a"]}), "is used twice"),
        (pd.DataFrame({"input": []}), "there is no case to run"),
    ],
    ids=range(15),
)
def test_a_table_that_does_not_fit_is_refused_in_one_line_with_what_to_do(frame: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        evaluate("builtin/demo_generator", frame, "builtin/exact_match")
    assert "\n" not in str(caught.value)


def test_a_table_in_a_list_is_refused_with_the_way_to_name_datasets() -> None:
    frame = pd.DataFrame({"input": ["x"]})
    with pytest.raises(InvalidArgumentError, match="has a DataFrame in a list; give it alone, or make each one a Dat"):
        evaluate("builtin/demo_generator", [frame, frame], "builtin/exact_match")
    datasets = [dataset_from_cases(frame, dataset_id=name) for name in ("one", "two")]
    assert evaluate("builtin/demo_generator", datasets, []).progress.total_cases == 2


def test_an_experiment_is_told_how_a_table_becomes_a_dataset() -> None:
    parts: dict[str, Any] = {"generation": {"generator": "builtin/demo_generator"}, "storage": {"store": "memory"}}
    with pytest.raises(ValueError, match="is a DataFrame; make it a Dataset by dataset_from_cases of"):
        Experiment(**parts, evaluation=EvaluationConfig(metrics=[]), datasets=[pd.DataFrame({"input": ["x"]})])


def test_a_table_that_is_not_refused_is_left_as_it_was() -> None:
    frame = pd.DataFrame({"input": ["x"], "metadata.a": [None]}, index=pd.Index(["k"], name="case_id"))
    before = frame.copy(deep=True)
    dataset_from_cases(frame)
    assert frame.equals(before)


@pytest.mark.slow
def test_who_has_no_pandas_gets_none_from_us() -> None:
    code = (
        "import sys; from themis import evaluate; "
        "evaluate('builtin/demo_generator', [{'input': 'x'}], []); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_unfitting_table_is_an_error_of_the_dataset() -> None:
    with pytest.raises(DatasetError):
        cases_of({"question": ["x"]})
