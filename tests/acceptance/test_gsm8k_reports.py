"""Every form of report says of real solutions what their publisher counted: 286 and 742 correct of 1,319."""

import csv
import io
import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree  # type: ignore[import-untyped]
from pyarrow import parquet  # type: ignore[import-untyped]

from tests.acceptance.test_gsm8k_verdicts import CONFIG, CORRECT, DATA, PROBLEMS
from themis import Experiment
from themis.core.reports import Reporter
from themis.core.stores.sqlite import sqlite_store

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"the real solutions are not here: {DATA}")

Counts = tuple[int, int]
"""Correct cases, and all."""


def in_json(reporter: Reporter, run_id: str) -> Counts:
    result = json.loads(reporter.export_json(run_id))["benchmark_result"]
    return result["outcome_counts"]["correct"], len(result["score_rows"])


def in_lines(reporter: Reporter, run_id: str) -> Counts:
    rows = [json.loads(line) for line in reporter.export_jsonl(run_id).splitlines()]
    return sum(row["value"] for row in rows), len(rows)


def in_csv(reporter: Reporter, run_id: str) -> Counts:
    rows = list(csv.DictReader(io.StringIO(reporter.export_csv(run_id))))
    return sum(row["outcome"] == "correct" for row in rows), len(rows)


def in_parquet(reporter: Reporter, run_id: str) -> Counts:
    values = parquet.read_table(io.BytesIO(reporter.export_parquet(run_id))).column("value").to_pylist()
    return int(sum(values)), len(values)


def in_junit(reporter: Reporter, run_id: str) -> Counts:
    (suite,) = etree.fromstring(reporter.export_junit(run_id).encode())
    tests = int(suite.get("tests"))
    return tests - int(suite.get("failures")) - int(suite.get("errors")), tests


def in_markdown(reporter: Reporter, run_id: str) -> Counts:
    lines = [line for line in reporter.export_markdown(run_id).splitlines() if line.startswith("- case=")]
    return sum(" outcome=correct " in line for line in lines), len(lines)


def in_latex(reporter: Reporter, run_id: str) -> Counts:
    rows = [line for line in reporter.export_latex(run_id).splitlines() if "math\\_equivalence" in line]
    return sum(" & correct & " in row for row in rows), len(rows)


def in_markdown_summary(reporter: Reporter, run_id: str) -> Counts:
    return _of_cells(reporter.export_markdown_summary(run_id), r"math_equivalence` \|(.*)\|$", "|")


def in_latex_summary(reporter: Reporter, run_id: str) -> Counts:
    return _of_cells(reporter.export_latex_summary(run_id), r"math\\_equivalence &(.*) \\\\$", "&")


def in_html(reporter: Reporter, run_id: str) -> Counts:
    text = reporter.export_html(run_id).replace("</td><td>", "|")
    return _of_cells(text, r"math_equivalence</code>\|(.*)</td></tr>$", "|")


def _of_cells(text: str, row: str, separator: str) -> Counts:
    """What a table of the metrics says: mean, interval, scored, total, correct, and so on."""
    found = re.search(row, text, re.MULTILINE)
    assert found is not None
    cells = [cell.strip() for cell in found[1].split(separator)]
    return int(cells[4].replace(",", "")), int(cells[3].replace(",", ""))


FORMS: list[Callable[[Reporter, str], Counts]] = [
    *(in_json, in_lines, in_csv, in_parquet, in_junit, in_markdown, in_latex),
    *(in_markdown_summary, in_latex_summary, in_html),
]


@pytest.mark.slow
@pytest.mark.parametrize("model", CORRECT)
def test_every_form_has_the_published_counts(model: str, tmp_path: Path) -> None:
    config = tmp_path / "gsm8k.yaml"
    config.write_text(CONFIG.format(data=DATA, model=model))
    run_id = Experiment.from_config(config).run().run_id
    with closing(sqlite_store(tmp_path / "runs" / "themis.sqlite3")) as store:
        reporter = Reporter(store)
        counted = {form.__name__: form(reporter, run_id) for form in FORMS}
    assert counted == dict.fromkeys(counted, (CORRECT[model], PROBLEMS))


def test_every_form_there_is_was_tried() -> None:
    exports = {name.removeprefix("export_") for name in vars(Reporter) if name.startswith("export_")}
    tried = {form.__name__.removeprefix("in_") for form in FORMS}
    same_rows = {"score_table", "cost_csv"}  # the rows of the CSV as values; what a run costs, which has no scores
    assert exports - same_rows == (tried - {"lines"}) | {"jsonl"}
