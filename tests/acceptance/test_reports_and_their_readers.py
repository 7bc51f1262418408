"""One run in every form of report, each opened by a program that is for it: the same numbers everywhere.

The run asks a model that has a price, is scored in two views, and has answers that are right, wrong, cut and refused.
"""

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import markdown  # type: ignore[import-untyped]
import pandas as pd  # type: ignore[import-untyped]
import pytest
from lxml import etree  # type: ignore[import-untyped]
from pyarrow import parquet  # type: ignore[import-untyped]

from tests.support.model_server import Answer, ModelServer, Request, Usage
from themis.core.reporting.summary import FIGURES

CONFIG = ("--config", "asking.yaml")
METRICS = ["strict/exact_match", "flexible/math_equivalence"]
USAGE = Usage(prompt=1_000, output=100)
ANSWERS = {
    "one": Answer("4", usage=USAGE),
    "two": Answer("it is 4", usage=USAGE),
    "three": Answer("5", usage=USAGE),
    "four": Answer("4 is", finish="length", usage=USAGE),
    "five_%": Answer("4 no", finish="content_filter", usage=USAGE),
}
USD = "0.0100"
"""Five answers at 1,000 tokens in for $1 a million and 100 out for $10."""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, themis: Any) -> Iterator[dict[str, Any]]:
    """What the run itself has said, with its reports in files named by their form."""
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: [{model: m, input: 1, output: 10, source: a price sheet}]", encoding="utf-8")
    monkeypatch.setenv("THEMIS_PRICES", str(prices))

    def answer(request: Request) -> Answer:
        return ANSWERS[request.question]

    with ModelServer(answer) as server:
        arguments = {"model_id": "m", "base_url": server.openai_url, "api_key": "EMPTY", "api_mode": "chat_completions"}
        document = {
            **themis.experiment,
            "generation": {"generator": {"use": "openai", "with": arguments}},
            "evaluation": {
                "views": {
                    "strict": {"parsers": ["builtin/text"], "metrics": ["builtin/exact_match"]},
                    "flexible": {"parsers": ["builtin/math_answer"], "metrics": ["builtin/math_equivalence"]},
                }
            },
            "datasets": [
                {
                    "dataset_id": "d",
                    "cases": [{"case_id": name, "input": name, "expected_output": "4"} for name in ANSWERS],
                }
            ],
        }
        themis.write("asking.yaml", document)
        ran = themis("run", *CONFIG, "--quiet").document
        for form in ("json", "jsonl", "html", "markdown-summary", "csv", "latex", "latex-summary", "cost-csv", "junit"):
            Path(f"report.{form}").write_text(themis("report", *CONFIG, "--format", form).out, encoding="utf-8")
        with Path("report.parquet").open("wb") as file:
            command = [sys.executable, "-m", "themis", "report", *CONFIG, "--format", "parquet"]
            subprocess.run(command, stdout=file, check=True)
        yield ran


def read(form: str) -> str:
    return Path(f"report.{form}").read_text(encoding="utf-8")


def figures_as_texts(metric: dict[str, Any]) -> list[str]:
    """The figures of a metric as the tables for people have them, in their order but for the correct cases."""
    lower, upper = f"{metric['ci_lower']:.4f}", f"{metric['ci_upper']:.4f}"
    counts = [str(metric[name]) for name in ("scored", "total", "no_answer", "unscored")]
    return [f"{metric['mean']:.4f}", f"{lower} to {upper}", *counts, f"{metric['low']:.4f}", f"{metric['high']:.4f}"]


def table_of(tables: list[pd.DataFrame], column: str) -> pd.DataFrame:
    (found,) = [table for table in tables if column in table.columns]
    return found


@pytest.mark.slow
def test_every_form_says_the_same_to_the_program_that_reads_it(said: dict[str, Any]) -> None:
    whole = json.loads(read("json"))["benchmark_result"]["metrics"]
    assert sorted(whole) == sorted(METRICS)
    assert whole == said["metrics"]
    assert whole["strict/exact_match"]["mean"] == 0.2
    assert whole["flexible/math_equivalence"]["mean"] == 0.6

    # What shows tables to people: Markdown as a site's builder reads it, and the page as a browser's parser does.
    as_html = markdown.markdown(read("markdown-summary"), extensions=["tables"])
    for page in (as_html, read("html")):
        tables = pd.read_html(io.StringIO(page), converters=dict.fromkeys((*FIGURES, "cost"), str))
        summary = table_of(tables, "95 % interval").set_index("metric").drop(columns="correct")
        for name, metric in whole.items():
            assert list(summary.loc[name]) == figures_as_texts(metric)
        costs = table_of(tables, "cost").set_index("tokens")
        assert costs.loc["all", "cost"] == f"${USD}"

    # What reads rows: each metric's rows have its mean, and the categories of the run.
    rows = {
        "csv": pd.read_csv("report.csv", keep_default_na=False, na_values={"value": [""]}),
        "jsonl": pd.read_json("report.jsonl", lines=True),
        "parquet": pd.read_parquet("report.parquet"),
        "html": table_of(pd.read_html(io.StringIO(read("html"))), "score").rename(
            columns={"score": "value", "metric": "metric_id", "category": "error_category"}
        ),
    }
    for form, table in rows.items():
        assert len(table) == len(ANSWERS) * len(METRICS), form
        for name, metric in whole.items():
            scores = table[table["metric_id"] == name]
            assert scores["value"].mean() == pytest.approx(metric["mean"]), form
            categories = [category for category in scores["error_category"].fillna("") if category]
            assert {kind: categories.count(kind) for kind in metric["answer_ends"]} == metric["answer_ends"], form

    # What programs read of the figures themselves.
    metadata = parquet.read_schema("report.parquet").metadata
    assert json.loads(metadata[b"themis_metrics"]) == whole
    assert json.loads(metadata[b"themis_cost"])["usd"] == pytest.approx(float(USD))
    spent = pd.read_csv("report.cost-csv")
    assert spent["usd"].sum() == pytest.approx(float(USD))
    suites = {suite.get("name"): suite for suite in etree.fromstring(read("junit").encode())}
    assert sorted(suites) == sorted(METRICS)
    for name, metric in whole.items():
        properties = {one.get("name"): one.get("value") for one in suites[name].iter("property")}
        for figure in ("mean", "ci_lower", "ci_upper"):
            assert properties[figure] == repr(metric[figure])
        passed = [test for test in suites[name].iter("testcase") if len(test) == 0]
        assert len(passed) == round(metric["mean"] * metric["scored"])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not here; it is in Debian's texlive-latex-base")
def test_the_latex_tables_are_compiled_without_a_complaint(said: dict[str, Any]) -> None:
    head = r"\documentclass{article}\usepackage[paperwidth=300cm,paperheight=100cm]{geometry}\begin{document}"
    for form in ("latex", "latex-summary"):
        Path(f"{form}.tex").write_text(f"{head}\n{read(form)}\n\\end{{document}}\n", encoding="utf-8")
        command = ["pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode", f"{form}.tex"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout
        assert not re.findall(r"^(?:LaTeX|Package) Warning.*|^(?:Over|Under)full.*", done.stdout, re.MULTILINE)
        assert Path(f"{form}.pdf").stat().st_size > 0
    for metric in said["metrics"].values():
        assert " & ".join(figures_as_texts(metric)[:2]) in read("latex-summary")
