"""A result as a pandas DataFrame."""

import math
import sys
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric
from themis.core.config import StorageConfig
from themis.core.dataset_config import DatasetFile
from themis.core.dataset_inputs import dataset_from_cases
from themis.core.errors import InvalidArgumentError, MissingExtraError
from themis.core.evaluate import evaluate
from themis.core.results import RunResult, RunStatus

DATA: list[dict[str, Any]] = [
    {"case_id": "a", "input": {"q": "2 + 2"}, "expected_output": "4", "metadata": {"level": "easy"}},
    {"case_id": "b", "input": "x", "expected_output": "y"},
    {"case_id": "c", "input": "0012", "metadata": {"kind": "odd"}},
]


def answers(case: Any, _ctx: Any) -> str:
    if case.case_id == "b":
        msg = "no such model"
        raise ValueError(msg)
    return case.expected_output or "0012"


def result(**more: Any) -> RunResult:
    return evaluate(ScriptedGenerator(answers), DATA, "builtin/exact_match", **more)


def test_a_row_per_case_has_what_was_asked_and_answered_and_a_column_per_metric() -> None:
    frame = result().to_pandas()
    assert list(frame.columns) == [
        *("dataset_id", "case_id", "input", "expected_output", "metadata.level", "metadata.kind", "output", "parsed"),
        *("builtin/exact_match", "error_category", "error_message"),
    ]
    assert frame["case_id"].tolist() == ["a", "b", "c"]
    assert frame["input"].tolist() == [{"q": "2 + 2"}, "x", "0012"]
    assert frame["output"].tolist() == ["4", None, "0012"]
    assert frame["metadata.level"].tolist() == ["easy", None, None]
    assert frame["error_category"].tolist() == [None, "generation_failure", "score_failure"]
    assert "no such model" in frame["error_message"][1]


def test_a_case_without_a_score_is_nan_and_never_zero() -> None:
    scores = result().to_pandas()["builtin/exact_match"]
    assert scores.dtype == "float64"
    assert scores[0] == 1.0
    assert all(math.isnan(score) for score in scores[1:])
    assert scores.mean() == 1.0


def test_a_row_per_score_has_the_fields_of_the_scores() -> None:
    found = result()
    frame = found.to_pandas(rows="scores")
    assert frame["case_id"].tolist() == [row.case_id for row in found.scores] == ["a", "b", "c"]
    assert frame["outcome"].tolist() == ["correct", "error", "error"]
    assert frame["value"].dtype == "float64"
    assert "candidate_index" not in frame.columns


def test_the_scores_of_single_candidates_have_their_index() -> None:
    found = evaluate(ScriptedGenerator(), DATA[:1], ScriptedMetric())
    assert "candidate_index" not in found.to_pandas("scores").columns
    rows = [*found.scores, next(iter(found.scores)).model_copy(update={"candidate_index": 1})]
    frame = found.model_copy(update={"scores": rows}).to_pandas("scores")
    assert frame["candidate_index"].tolist() == [None, 1]


def test_cases_of_a_file_are_not_in_the_table(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"input": "x", "expected_output": "x"}\n')
    dataset = DatasetFile(dataset_id="d", path=str(file))
    found = evaluate("builtin/demo_generator", dataset, "builtin/exact_match")
    assert found.given_cases == {}
    assert list(found.to_pandas().columns)[:4] == ["dataset_id", "case_id", "output", "parsed"]


def test_a_metric_that_is_called_like_another_column_has_one_of_its_own() -> None:
    named = ScriptedMetric(lambda *_: 0.5, component_id="output")
    frame = evaluate("builtin/demo_generator", DATA[:1], named).to_pandas()
    assert (frame["output"][0], frame["score.output"][0]) == ("4", 0.5)


def test_a_result_without_cases_is_an_empty_table_with_its_columns() -> None:
    empty = RunResult(run_id="0" * 64, status=RunStatus.PENDING)
    assert empty.to_pandas().shape == (0, 6)
    assert list(empty.to_pandas("scores").columns)[:2] == ["dataset_id", "case_id"]


def test_what_was_given_as_a_table_comes_back_in_it() -> None:
    frame = pd.DataFrame({"case_id": ["1"], "input": ["x"], "expected_output": ["x"], "metadata.a": ["b"]})
    found = evaluate("builtin/demo_generator", dataset_from_cases(frame), []).to_pandas()
    assert found[list(frame.columns)].to_dict("records") == frame.to_dict("records")


def test_a_stored_result_gives_the_same_table(tmp_path: Path) -> None:
    storage = StorageConfig(store="sqlite", parameters={"path": str(tmp_path / "s.sqlite3")})
    assert result(storage=storage).to_pandas().equals(result().to_pandas())


def test_other_rows_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="rows: must be 'cases' or 'scores', not 'metrics'"):
        result().to_pandas("metrics")  # type: ignore[arg-type]


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = result()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"to_pandas\(\) needs the package pandas: pip install 'themis-eval\["):
        found.to_pandas()
