"""The notebook of the documentation does what it says, executed in a kernel of Jupyter."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL = DOCS / "tutorials" / "evaluate-in-a-notebook.ipynb"

pytestmark = pytest.mark.notebook


def code_cells() -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(TUTORIAL.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def cells(execute: Callable[[str], list[Any]]) -> dict[str, list[Any]]:
    """The outputs of each cell by its source, executed from the first to the last."""
    found = {}
    for cell in code_cells():
        source = "".join(cell["source"])
        found[source] = execute(source)
    return found


def output_of(cells: dict[str, list[Any]], words: str, *, last: bool = False) -> list[Any]:
    """The outputs of the first cell with such words in its source, or of the last."""
    found = [outputs for source, outputs in cells.items() if words in source]
    return found[-1 if last else 0]


def test_every_cell_runs_and_none_warns(cells: dict[str, list[Any]]) -> None:
    kinds = [(output["output_type"], output.get("name")) for outputs in cells.values() for output in outputs]
    assert kinds
    assert set(kinds) <= {("display_data", None), ("execute_result", None), ("stream", "stdout")}


def test_the_result_is_a_table_below_one_output_with_its_progress(cells: dict[str, list[Any]]) -> None:
    progress, result = output_of(cells, "from themis import evaluate")
    assert progress["data"]["text/plain"].startswith("4 of 4 cases, 0 failed, in ")
    assert '<progress value="4" max="4">' in progress["data"]["text/html"]
    assert "<td>0.7500</td>" in result["data"]["text/html"]
    assert "builtin/exact_match  0.7500" in result["data"]["text/plain"]


def test_the_case_that_went_wrong_is_found(cells: dict[str, list[Any]]) -> None:
    assert output_of(cells, "result.metric_means")[0]["data"]["text/plain"] == "{'builtin/exact_match': 0.75}"
    (table,) = output_of(cells, "answers[answers")
    assert "twelve" in table["data"]["text/plain"]
    assert "nine" not in table["data"]["text/plain"]


def test_what_is_stored_comes_back_and_is_listed(cells: dict[str, list[Any]]) -> None:
    progress, result = output_of(cells, "store=store", last=True)
    assert progress["data"]["text/plain"] == "the run is stored already: nothing was run"
    assert "<td>0.7500</td>" in result["data"]["text/html"]
    assert "on-inline" in output_of(cells, "list_runs")[0]["data"]["text/plain"]
    assert "completed, 4 of 4 cases" in output_of(cells, "get_run_result(store,")[0]["text"]


def test_a_notebook_is_kept_without_outputs() -> None:
    kept = [(cell["outputs"], cell["execution_count"]) for cell in code_cells()]
    assert kept == [([], None)] * len(kept)
    assert kept


def test_there_is_no_notebook_that_no_test_executes() -> None:
    assert list(DOCS.rglob("*.ipynb")) == [TUTORIAL]
