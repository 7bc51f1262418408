"""Reports that other programs read: JSON Lines, JUnit XML and Parquet."""

import io
import json
import math
import sys
from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from tests.unit.test_reports import STRANGE, Echo, read_csv, run
from themis.core.errors import MissingExtraError
from themis.core.inspection import quickcheck
from themis.core.models import Case
from themis.core.reporting import junit
from themis.core.reports import COLUMNS, Reporter
from themis.core.stores import InMemoryRunStore
from themis.core.text.lines import visible

HOSTILE = [*STRANGE, "]]>", "<a b='c\">&amp;", "\x01\x1b[2J", "\ufffe", "\u202e", "né 🦊", "a\r\nb\tc"]

DAMAGED = "\udce9"
"""A lone surrogate, as text has that was not UTF-8."""

# The elements that Jenkins' schema of JUnit results allows in each, and the attributes that it demands or allows.
ALLOWED = {
    "testsuites": ({"testsuite"}, {"name", "tests", "failures", "errors"}),
    "testsuite": ({"properties", "testcase"}, {"name", "tests", "failures", "errors"}),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "testcase": ({"failure", "error"}, {"classname", "name"}),
    "failure": (set(), {"message", "type"}),
    "error": (set(), {"message", "type"}),
}


@pytest.fixture
def store() -> InMemoryRunStore:
    return InMemoryRunStore()


@pytest.fixture
def run_id(store: InMemoryRunStore) -> str:
    """A run of which two cases are right, one wrong, one failed."""
    cases = [Case(case_id=name, input="a", expected_output="a") for name in ("right", "also")]
    cases.append(Case(case_id="wrong", input="a", expected_output="b"))
    cases.append(Case(case_id="none", input="fail", expected_output="b"))
    return run(store, cases)


def json_lines(reporter: Reporter, run_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reporter.export_jsonl(run_id).splitlines()]


def table(reporter: Reporter, run_id: str) -> Any:
    return parquet.read_table(io.BytesIO(reporter.export_parquet(run_id)))


def suites(reporter: Reporter, run_id: str) -> ET.Element:
    return ET.fromstring(reporter.export_junit(run_id))  # noqa: S314  # what this library has just written


def check_elements(element: ET.Element) -> None:
    children, attributes = ALLOWED[element.tag]
    assert set(element.attrib) == attributes, element.tag
    assert {child.tag for child in element} <= children, element.tag
    for child in element:
        check_elements(child)


def test_every_form_has_the_same_scores_and_the_mean_of_the_run(store: InMemoryRunStore, run_id: str) -> None:
    reporter, said = Reporter(store), quickcheck(store, run_id)["metrics"]["test_metric"]
    scores: dict[str, dict[str, float | None]] = {
        "csv": {
            row["case_id"]: float(row["value"]) if row["value"] else None
            for row in read_csv(reporter.export_csv(run_id))
        },
        "jsonl": {row["case_id"]: row["value"] for row in json_lines(reporter, run_id)},
        "parquet": {row["case_id"]: row["value"] for row in table(reporter, run_id).to_pylist()},
        "junit": {
            case.attrib["name"]: None if case.find("error") is not None else float(case.find("failure") is None)
            for case in suites(reporter, run_id).iter("testcase")
        },
    }
    for form, found in scores.items():
        assert found == {"right": 1.0, "also": 1.0, "wrong": 0.0, "none": None}, form
        scored = [value for value in found.values() if value is not None]
        assert (math.fsum(scored) / len(scored), len(scored), len(found)) == (
            said["mean"],
            said["scored"],
            said["total"],
        )


def test_a_line_of_json_has_the_columns_of_the_csv(store: InMemoryRunStore, run_id: str) -> None:
    rows = json_lines(Reporter(store), run_id)
    assert [tuple(row) for row in rows] == [COLUMNS] * 4
    assert rows == Reporter(store).export_score_table(run_id)
    assert rows[0]["details"] == {"why": ["=x", 1]}


def test_junit_counts_what_passed_failed_and_has_no_score(store: InMemoryRunStore, run_id: str) -> None:
    root = suites(Reporter(store), run_id)
    check_elements(root)
    (suite,) = root
    assert (root.attrib["name"], suite.attrib["name"]) == (f"run {run_id}", "test_metric")
    for element in (root, suite):
        assert [element.attrib[name] for name in ("tests", "failures", "errors")] == ["4", "1", "1"]
    assert Counter(child.tag for case in suite.iter("testcase") for child in case) == {"failure": 1, "error": 1}
    failure, error = suite.find(".//failure"), suite.find(".//error")
    assert failure is not None
    assert error is not None
    assert (failure.attrib["type"], failure.attrib["message"]) == ("incorrect", "test_metric is 0.0")
    assert error.attrib["type"] == "generation_failure"
    assert "LookupError: =fail | <b>`no`</b>" in error.attrib["message"]
    figures = {found.attrib["name"]: found.attrib["value"] for found in suite.iter("property")}
    said = quickcheck(store, run_id)["metrics"]["test_metric"]
    names = ("mean", "ci_lower", "ci_upper", "scored", "total", "no_answer", "unscored", "low", "high")
    facts = {"run_id": run_id, "status": "partial_failure", "name": "echo-on-d-1"}
    assert figures == facts | {name: repr(said[name]) for name in names}


def test_junit_of_many_tests_goes_through_a_temporary_file(
    store: InMemoryRunStore, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Reporter(store).export_junit(run_id)
    monkeypatch.setattr(junit, "_IN_MEMORY", 10)
    assert Reporter(store).export_junit(run_id) == expected


def test_parquet_has_types_and_the_figures_of_each_metric(store: InMemoryRunStore, run_id: str) -> None:
    found = table(Reporter(store), run_id)
    assert tuple(found.column_names) == COLUMNS
    assert (found.schema.field("value").type, found.schema.field("case_id").type) == (
        pa.float64(),
        pa.string(),
    )
    assert json.loads(found.column("details")[0].as_py()) == {"why": ["=x", 1]}
    facts = {name.decode(): value.decode() for name, value in found.schema.metadata.items()}
    assert (facts["themis_run_id"], facts["themis_status"]) == (run_id, "partial_failure")
    assert json.loads(facts["themis_metrics"]) == quickcheck(store, run_id)["metrics"]


def test_parquet_without_its_package_says_what_to_install(
    store: InMemoryRunStore, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"a report as a Parquet file .* pip install 'themis-eval\[parquet\]'"):
        Reporter(store).export_parquet(run_id)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts_in_every_form(text: str, store: InMemoryRunStore) -> None:
    run_id = run(store, [Case(case_id=text, input=f"fail {text}"), Case(case_id="b", input=text)])
    reporter = Reporter(store)
    assert [row["case_id"] for row in json_lines(reporter, run_id)] == [text, "b"]
    assert [row["case_id"] for row in table(reporter, run_id).to_pylist()] == [text, "b"]
    assert reporter.export_junit(run_id).isascii()
    root = suites(reporter, run_id)
    check_elements(root)
    (named, _) = root.iter("testcase")
    assert named.attrib["name"] == visible(text).replace("\ufffe", "\N{REPLACEMENT CHARACTER}")


def test_a_lone_surrogate_is_escaped_where_it_cannot_be_held(
    store: InMemoryRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise LookupError(DAMAGED)

    monkeypatch.setattr(Echo, "generate", fail)
    reporter = Reporter(store)
    run_id = run(store, [Case(case_id="a", input="x")])
    (row,) = table(reporter, run_id).to_pylist()
    error = suites(reporter, run_id).find(".//error")
    assert error is not None
    for message in (row["error_message"], error.attrib["message"]):
        assert message.startswith("LookupError: \\udce9")
