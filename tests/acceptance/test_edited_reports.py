"""Reports, comparisons and gates of a run whose scores people have edited: what was measured stays what it is."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.acceptance.conftest import Themis
from themis.core.experiment import Experiment
from themis.core.reports import Reporter
from themis.core.statistics.intervals import wilson

METRIC = "builtin/exact_match"
CONFIG = ("--config", "experiment.yaml")
NAMES = [f"c{number}" for number in range(10)]
FORMS = ("json", "jsonl", "markdown", "csv", "latex", "junit", "html", "markdown-summary", "latex-summary")
"""All but Parquet, which is not a text."""


def experiment(answers: dict[str, str]) -> dict[str, Any]:
    cases = [{"case_id": name, "input": "x", "expected_output": "yes"} for name in NAMES]
    outputs = [{"case_id": name, "output": answers.get(name, "yes")} for name in NAMES]
    Path("outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in outputs), encoding="utf-8")
    return {
        "generation": {
            "generator": {"use": "builtin/replay_generator", "with": {"path": "outputs.jsonl", "output": "output"}}
        },
        "evaluation": {"metrics": [METRIC]},
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "answers", "cases": cases}],
    }


@pytest.fixture
def run(themis: Themis) -> Themis:
    """The command, in a folder with a run of ten cases, of which six are right."""
    themis.write("experiment.yaml", experiment(dict.fromkeys(NAMES[:4], "no")))
    themis("run", *CONFIG)
    return themis


@pytest.fixture
def edited(run: Themis) -> Themis:
    """Such a run in which people call two more right, and one of the right ones wrong."""
    for name, value in (("c0", 1), ("c1", 1), ("c9", 0)):
        run("score", "edit", *CONFIG, "--case", name, "--value", value, "--why", f"={name}", "--by", "ann")
    return run


def report(themis: Themis, form: str) -> str:
    done = themis("report", *CONFIG, "--format", form)
    assert done.code == 0, done.err
    return done.out


def test_a_run_without_edits_is_reported_as_before_one_that_was_taken_back_too(run: Themis) -> None:
    before = {form: report(run, form) for form in FORMS}
    assert not any("edited" in text for text in before.values())
    run("score", "edit", *CONFIG, "--case", "c0", "--value", "1", "--why", "x")
    assert all(report(run, form) != before[form] for form in FORMS)
    run("score", "withdraw", *CONFIG, "--case", "c0", "--why", "y")
    assert all(report(run, form) == before[form] for form in FORMS[1:])
    both = json.loads(report(run, "json"))
    assert [edit["standing"] for edit in both["score_edits"]] == ["withdrawn", "withdrawal"]


def test_the_mean_stays_and_beside_it_is_the_edited_one_with_its_own_interval(edited: Themis) -> None:
    document = json.loads(report(edited, "json"))
    measured = document["benchmark_result"]["metrics"][METRIC]
    assert (measured["mean"], measured["scored"], measured["total"]) == (0.6, 10, 10)
    assert (measured["ci_lower"], measured["ci_upper"]) == wilson(6, 10)
    lower, upper = wilson(7, 10)
    assert document["edited_metrics"] == {
        METRIC: {
            "mean": 0.7,
            "ci_lower": lower,
            "ci_upper": upper,
            "scored": 10,
            "total": 10,
            "unscored": 0,
            "low": 0.7,
            "high": 0.7,
            "edits": 3,
        }
    }
    assert [(edit["case_id"], edit["measured"], edit["to"]) for edit in document["score_edits"]] == [
        ("c0", 0.0, 1.0),
        ("c1", 0.0, 1.0),
        ("c9", 1.0, 0.0),
    ]


def test_summaries_have_a_column_of_the_edited_mean_and_a_list_of_the_edits(edited: Themis) -> None:
    page, summary, paper = (report(edited, form) for form in ("html", "markdown-summary", "latex-summary"))
    assert "| mean | 95 % interval |" in summary
    assert "| edited mean | edited 95 % interval | edits |" in summary
    assert "| 0.6000 | " in summary
    assert "| 0.7000 | 0.3968 to 0.8922 | 3 |" in summary
    assert "## Edited scores" in summary
    assert "| `answers` | `c9` | `builtin/exact_match` | 1 | 0 | `ann` |" in summary
    assert '<th scope="col">edited mean</th>' in page
    assert "<td>0.7000</td><td>0.3968 to 0.8922</td><td>3</td>" in page
    assert "<h2>Edited scores</h2>" in page
    assert "Edited mean & Edited 95 \\% interval & Edits \\\\" in paper
    assert "& 0.7000 & 0.3968 to 0.8922 & 3 \\\\" in paper


def test_rows_that_were_edited_say_so_and_no_others(edited: Themis) -> None:
    rows = [json.loads(line) for line in report(edited, "jsonl").splitlines()]
    said = {row["case_id"]: (row["value"], row["edited_value"], row["edited_by"]) for row in rows if "edited_by" in row}
    assert said == {"c0": (0.0, 1.0, "ann"), "c1": (0.0, 1.0, "ann"), "c9": (1.0, 0.0, "ann")}
    assert {name for row in rows for name in row if name.startswith("edited")} == {
        "edited_value",
        "edited_by",
        "edited_why",
        "edited_at",
    }
    table = list(csv.DictReader(io.StringIO(report(edited, "csv"))))
    assert [(row["case_id"], row["edited_value"], row["edited_why"]) for row in table if row["edited_by"]] == [
        ("c0", "1.0", "'=c0"),
        ("c1", "1.0", "'=c1"),
        ("c9", "0.0", "'=c9"),
    ]
    lines = report(edited, "markdown").splitlines()
    assert "- edited_mean: builtin/exact_match: 0.7 (3 edits)" in lines
    assert sum("edited_value=" in line for line in lines) == 3
    assert "edited\\_value & edited\\_by" in report(edited, "latex")


def test_a_case_that_is_left_out_has_no_edited_value_but_an_editor(run: Themis) -> None:
    run("score", "edit", *CONFIG, "--case", "c0", "--unscored", "--why", "not a question", "--by", "ann")
    (row,) = [row for line in report(run, "jsonl").splitlines() if "edited_by" in (row := json.loads(line))]
    assert (row["value"], row["edited_value"], row["edited_by"]) == (0.0, None, "ann")
    figures = json.loads(report(run, "json"))["edited_metrics"][METRIC]
    assert (figures["mean"], figures["scored"], figures["unscored"], figures["total"]) == (6 / 9, 9, 1, 10)
    assert (figures["low"], figures["high"]) == (0.6, 0.7)


def test_a_test_of_junit_stays_as_measured_and_its_output_has_the_edit(edited: Themis) -> None:
    tree = ET.fromstring(report(edited, "junit"))  # noqa: S314  # a report of our own
    (suite,) = tree
    properties = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    assert (properties["mean"], properties["edited_mean"], properties["edits"]) == ("0.6", "0.7", "3")
    assert suite.attrib["failures"] == "4"
    said = {case.attrib["name"]: case.findtext("system-out") for case in suite.iter("testcase")}
    assert (said["c9"] or "").startswith("edited to 0 by ann at ")
    assert sum(text is not None for text in said.values()) == 3


@pytest.mark.usefixtures("edited")
def test_parquet_has_the_columns_too() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    opened = Experiment.from_config("experiment.yaml")
    data = Reporter(opened.open_store()).export_parquet(opened.compile().run_id)
    table = parquet.read_table(io.BytesIO(data))
    assert str(table.schema.field("edited_value").type) == "double"
    found = {row["case_id"]: row["edited_value"] for row in table.to_pylist() if row["edited_by"]}
    assert found == {"c0": 1.0, "c1": 1.0, "c9": 0.0}
    assert json.loads(table.schema.metadata[b"themis_edited_metrics"])[METRIC]["mean"] == 0.7


def test_runs_are_compared_as_measured_unless_edited_scores_are_asked_for(edited: Themis) -> None:
    other = {**experiment(dict.fromkeys(NAMES[:4], "no")), "generation": {"generator": "builtin/demo_generator"}}
    edited.write("other.yaml", other)
    edited("run", "--config", "other.yaml")
    names = ("experiment.yaml", "other.yaml", "--json")
    (measured,) = edited("compare", *names).document["comparisons"]
    (changed,) = edited("compare", *names, "--edited").document["comparisons"]
    assert (measured["metrics"][METRIC]["baseline_mean"], changed["metrics"][METRIC]["baseline_mean"]) == (0.6, 0.7)
    assert "edits" not in measured
    assert changed["edits"] == {"baseline": 3, "candidate": 0}
    assert {flip["case_key"] for flip in changed["flips"]} == {"7:answers:c2", "7:answers:c3", "7:answers:c9"}


def test_a_gate_goes_by_edited_scores_when_it_is_asked_to(edited: Themis) -> None:
    rule = {"name": "answers", "candidate": "experiment.yaml", "threshold": 0.65, "tier": "critical"}
    edited.write("gate.yaml", {"decide_by": "mean", "benchmarks": [rule]})
    measured, changed = edited("gate", "--policy", "gate.yaml"), edited("gate", "--policy", "gate.yaml", "--edited")
    assert (measured.code, json.loads(measured.out)["decision"]) == (3, "no-go")
    assert (changed.code, json.loads(changed.out)["decision"], json.loads(changed.out)["edited"]) == (0, "go", True)
