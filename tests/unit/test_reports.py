"""Reports on a stored run."""

import csv
import io
import json
import re
from typing import Any

import pytest

from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.contexts import GenerateContext, ScoreContext
from themis.core.errors import UnknownRunError
from themis.core.experiment import Experiment
from themis.core.inspection import get_execution_state, get_run_snapshot, quickcheck
from themis.core.models import Case, Dataset, GenerationResult, ParsedOutput, Score
from themis.core.reports import COLUMNS, FAILURES_SHOWN, Reporter, snapshot_report
from themis.core.stores import InMemoryRunStore
from themis.core.values.breaker import BreakerConfig

STRANGE = ["=1+1", "+cmd", "-5", "@sum", "a|b", "a`b``c", "50% & $1_{x}^~#\\", "a\nb"]


class Echo:
    """Answers with its input, and fails where that says so."""

    component_id = "test/echo"
    version = "1"

    def fingerprint(self) -> str:
        return "echo"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        if str(case.input).startswith("fail"):
            msg = f"={case.input} | <b>`no`</b>"
            raise LookupError(msg)
        return GenerationResult(candidate_id=f"={case.case_id}", final_output=case.input)


class Length:
    """Scores with what it is told."""

    version = "1"

    def __init__(self, component_id: str) -> None:
        self.component_id = component_id

    def fingerprint(self) -> str:
        return "length"

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        value = float(parsed.value == case.expected_output)
        return Score(metric_id=self.component_id, value=value, details={"why": ["=x", 1]})


def run(store: InMemoryRunStore, cases: list[Case], metric: str = "test_metric") -> str:
    """Run some cases; returns the run's id."""
    experiment = Experiment(
        generation=GenerationConfig(generator=Echo()),
        evaluation=EvaluationConfig(metrics=[Length(metric)]),
        storage=StorageConfig(store="memory"),
        runtime=RuntimeConfig(breaker=BreakerConfig(failures=1_000)),
        datasets=[Dataset(dataset_id="d|1", cases=cases)],
    )
    return experiment.run(store=store).run_id


@pytest.fixture
def store() -> InMemoryRunStore:
    return InMemoryRunStore()


@pytest.fixture
def run_id(store: InMemoryRunStore) -> str:
    """A run of which one case is right, one wrong, one failed."""
    cases = [
        Case(case_id="right", input="a", expected_output="a"),
        Case(case_id="wrong", input="a", expected_output="b"),
        Case(case_id="none", input="fail", expected_output="b"),
    ]
    return run(store, cases)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_json_report_holds_each_view_of_the_run(store: InMemoryRunStore, run_id: str) -> None:
    text = Reporter(store).export_json(run_id)
    assert "\n" not in text
    document = json.loads(text)
    views = ["snapshot", "execution_state", "run_result", "benchmark_result", "timeline_view", "trace_view"]
    assert list(document) == views
    assert document["snapshot"]["run_id"] == run_id
    assert document["benchmark_result"]["metric_means"] == {"test_metric": 0.5}
    assert len(document["run_result"]["cases"]) == 3
    assert document["execution_state"] == get_execution_state(store, run_id).model_dump(mode="json")


def test_the_markdown_report_is_a_list_of_how_the_run_stands_and_a_line_for_each_score(
    store: InMemoryRunStore, run_id: str
) -> None:
    lines = Reporter(store).export_markdown(run_id).split("\n")
    assert lines[:10] == [
        "# Run Report",
        "",
        f"- run_id: {run_id}",
        "- status: partial_failure",
        "- total_cases: 3",
        "- completed_cases: 2",
        "- failed_cases: 1",
        "- name: echo-on-d-1",
        "",
        "## Metrics",
    ]
    scores = [line for line in lines[11:] if line]
    assert scores[0] == (
        "- case=right metric=test_metric outcome=correct value=1.0 candidate==right error_category=None"
        " error_message=None dataset=`d|1`"
    )
    assert [line.partition(" outcome=")[2].split()[0] for line in scores] == ["correct", "incorrect", "error"]
    assert "value=None candidate=None error_category=generation_failure error_message=`` LookupError:" in scores[2]


def test_the_latex_report_is_a_table_with_a_row_for_each_score(store: InMemoryRunStore, run_id: str) -> None:
    lines = Reporter(store).export_latex(run_id).splitlines()
    assert lines[0] == rf"\begin{{tabular}}{{{'l' * len(COLUMNS)}}}"
    assert lines[1] == " & ".join(COLUMNS).replace("_", r"\_") + r" \\"
    assert (lines[2], lines[-1], len(lines)) == (r"\hline", r"\end{tabular}", 7)
    assert lines[3].startswith(r"right & d|1 & 3:d|1:right & test\_metric & correct & 1.0 & =right &  &  & \{")
    assert all(line.count("&") - line.count(r"\&") == len(COLUMNS) - 1 for line in lines[1:2] + lines[3:6])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a-plain id/1.5 (x)", "a-plain id/1.5 (x)"),
        ("_emphasis_", "`_emphasis_`"),
        ("<img src=x>", "`<img src=x>`"),
        ("[a](b)", "`[a](b)`"),
        ("**a**", "`**a**`"),
        ("a`b", "`` a`b ``"),
        ("https://example.org", "`https://example.org`"),
        ("www.example.org", "`www.example.org`"),
        ("a@b", "`a@b`"),
        ("a&amp;b", "`a&amp;b`"),
        ("a\\*b", "`a\\*b`"),
        ("one\ntwo", "one two"),
    ],
)
def test_a_line_of_the_markdown_report_shows_a_text_as_it_is_or_as_code(
    written: str, shown: str, store: InMemoryRunStore
) -> None:
    text = Reporter(store).export_markdown(run(store, [Case(case_id=written, input="x")]))
    assert f"- case={shown} metric=" in text


def test_the_summary_in_markdown_says_what_there_is_to_say(store: InMemoryRunStore, run_id: str) -> None:
    text = Reporter(store).export_markdown_summary(run_id)
    assert text.startswith("# Run Report\n")
    assert "| status | partial_failure |" in text
    assert "| cases | 2 of 3 completed, 1 failed |" in text
    assert "| metric | mean | 95 % interval | scored | total | correct | no answer | unscored | low | high |" in text
    assert "| `test_metric` | 0.5000 | 0.0945 to 0.9055 | 2 | 3 | 1 | 0 | 1 | 0.3333 | 0.6667 |" in text
    assert "\n1 generation_failure.\n" in text


def test_a_markdown_summary_shows_whatever_a_model_wrote_as_text(store: InMemoryRunStore, run_id: str) -> None:
    (line,) = (
        line
        for line in Reporter(store).export_markdown_summary(run_id).splitlines()
        if "LookupError" in line or "`no`" in line
    )
    cells = line.replace(r"\|", "").split("|")
    assert len(cells) == 7, "a | in a message must not make a cell"
    assert re.search(r"`` LookupError: =fail \\\| <b>`no`</b> \(test_reports\.py:\d+ in Echo\.generate\) ``", line)


def test_a_markdown_summary_lists_the_first_failures_only(store: InMemoryRunStore) -> None:
    cases = [Case(case_id=f"c{number}", input=f"fail {number}") for number in range(FAILURES_SHOWN + 5)]
    text = Reporter(store).export_markdown_summary(run(store, cases))
    assert f"{FAILURES_SHOWN + 5} generation_failure. The first {FAILURES_SHOWN} of {FAILURES_SHOWN + 5}:" in text
    assert text.count("\n| `d\\|1` |") == FAILURES_SHOWN
    assert "| `test_metric` | - | - | 0 | 55 | 0 | 0 | 55 | 0.0000 | 1.0000 |" in text


def test_the_csv_has_a_row_for_each_case_and_metric(store: InMemoryRunStore, run_id: str) -> None:
    rows = read_csv(Reporter(store).export_csv(run_id))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["case_id"], row["outcome"], row["value"]) for row in rows] == [
        ("right", "correct", "1.0"),
        ("wrong", "incorrect", "0.0"),
        ("none", "error", ""),
    ]
    assert json.loads(rows[0]["details"]) == {"why": ["=x", 1]}
    assert rows[2]["error_category"] == "generation_failure"


@pytest.mark.parametrize(
    ("case_id", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("-5", "-5"),
        ("-x", "'-x"),
        ("a=1", "a=1"),
    ],
)
def test_a_csv_cell_that_a_spreadsheet_would_compute_is_made_text(
    case_id: str, cell: str, store: InMemoryRunStore
) -> None:
    (row,) = read_csv(Reporter(store).export_csv(run(store, [Case(case_id=case_id, input="x")])))
    assert row["case_id"] == cell
    assert row["candidate_id"].startswith("'=")


def test_the_latex_table_of_metrics_compiles_whatever_a_metric_is_called(store: InMemoryRunStore) -> None:
    run_id = run(store, [Case(case_id="a", input="x", expected_output="x")], metric="50% & $1_{x}^~#\\")
    lines = Reporter(store).export_latex_summary(run_id).splitlines()
    assert lines[1] == r"\begin{tabular}{lrrrrrrrrr}"
    assert lines[3].startswith(r"Metric & Mean & 95 \% interval & Scored & Total & Correct & No answer & Unscored &")
    assert lines[-1] == r"\end{tabular}"
    name = r"50\% \& \$1\_\{x\}\textasciicircum{}\textasciitilde{}\#\textbackslash{}"
    assert rf"{name} & 1.0000 & - & 1 & 1 & 1 & 0 & 0 & 1.0000 & 1.0000 \\" in lines


def test_the_score_table_is_the_csv_as_values(store: InMemoryRunStore, run_id: str) -> None:
    table = Reporter(store).export_score_table(run_id)
    assert [tuple(row) for row in table] == [COLUMNS] * 3
    assert [row["value"] for row in table] == [1.0, 0.0, None]


@pytest.mark.parametrize("case_id", STRANGE)
def test_every_report_can_be_made_of_strange_texts(case_id: str, store: InMemoryRunStore) -> None:
    run_id = run(store, [Case(case_id=case_id, input=case_id)])
    reporter = Reporter(store)
    assert json.loads(reporter.export_json(run_id))
    for form in ("markdown", "markdown_summary", "latex", "latex_summary"):
        assert getattr(reporter, f"export_{form}")(run_id)
    assert len(read_csv(reporter.export_csv(run_id))) == 1


@pytest.mark.parametrize(
    "ask",
    [
        *(getattr(Reporter, name) for name in vars(Reporter) if name.startswith("export_")),
        get_run_snapshot,
        get_execution_state,
        quickcheck,
    ],
)
def test_an_unknown_run_is_named(ask: Any, store: InMemoryRunStore) -> None:
    of = Reporter(store) if ask.__qualname__.startswith("Reporter") else store
    with pytest.raises(UnknownRunError, match="nowhere"):
        ask(of, "nowhere")


def test_quickcheck_gives_counts_means_and_rows(store: InMemoryRunStore, run_id: str) -> None:
    found = quickcheck(store, run_id)
    rows = found.pop("score_rows")
    assert found == {
        "run_id": run_id,
        "status": "partial_failure",
        "total_cases": 3,
        "completed_cases": 2,
        "failed_cases": 1,
        "metric_means": {"test_metric": 0.5},
        "metrics": {
            "test_metric": {
                "mean": 0.5,
                "scored": 2,
                "total": 3,
                "no_answer": 0,
                "unscored": 1,
                "low": 1 / 3,
                "high": 2 / 3,
                "ci_lower": pytest.approx(0.09453, abs=1e-5),
                "ci_upper": pytest.approx(0.90547, abs=1e-5),
            }
        },
    }
    assert [row["outcome"] for row in rows] == ["correct", "incorrect", "error"]
    assert json.dumps(rows)


class Told(Length):
    """Scores with the number that the case is."""

    def score(self, parsed: ParsedOutput, case: Case, ctx: ScoreContext) -> Score:
        return Score(metric_id=self.component_id, value=float(str(parsed.value)))


@pytest.mark.parametrize(("score", "mean", "shown"), [("8.2e307", 8.2e307, "8.2e+307"), ("0.1", 0.1, "0.1000")])
def test_every_report_has_the_exact_mean_whatever_the_scores_are(score: str, mean: float, shown: str) -> None:
    store = InMemoryRunStore()
    lab = Experiment(
        generation=GenerationConfig(generator=Echo()),
        evaluation=EvaluationConfig(metrics=[Told("told")]),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id="d", cases=[Case(case_id=name, input=score) for name in "abc"])],
    )
    run_id = lab.run(store=store).run_id
    reporter = Reporter(store)
    assert json.loads(reporter.export_json(run_id))["benchmark_result"]["metrics"]["told"]["mean"] == mean
    assert quickcheck(store, run_id)["metric_means"] == {"told": mean}
    assert f"| `told` | {shown} | {shown} to {shown} | 3 |" in reporter.export_markdown_summary(run_id)
    assert f"told & {shown} & {shown} to {shown} & 3 &" in reporter.export_latex_summary(run_id)


def test_a_snapshot_report_leaves_the_cases_out(store: InMemoryRunStore, run_id: str) -> None:
    report = snapshot_report(get_run_snapshot(store, run_id), {"note": "mine"})
    assert list(report) == ["run_id", "identity", "provenance", "component_refs", "run_metadata"]
    assert report["run_id"] == run_id
    assert report["run_metadata"] == {"note": "mine"}
    assert json.dumps(report)


HOSTILE = "a\x1b[2J\x1b]0;title\x07b\N{RIGHT-TO-LEFT OVERRIDE}c\x9b31m\rd\x7f\N{LEFT-TO-RIGHT ISOLATE}e"
SEEN = r"a\x1b[2J\x1b]0;title\x07b\u202ec\x9b31m\rd\x7f\u2066e"


@pytest.mark.parametrize("form", ["markdown", "csv", "latex", "markdown_summary", "latex_summary"])
def test_what_would_move_a_cursor_or_turn_a_line_around_is_seen_in_every_report(form: str) -> None:
    store = InMemoryRunStore()
    hostile = Case(case_id=f"case {HOSTILE}", input=f"fail {HOSTILE}", expected_output="x")
    run_id = run(store, [hostile], metric=f"metric {HOSTILE}")
    text = getattr(Reporter(store), f"export_{form}")(run_id)
    assert [sign for sign in text if not sign.isprintable() and sign != "\n"] == []
    if form == "csv":
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["case_id"] == f"case {SEEN}"
        assert SEEN in row["error_message"]
    elif form.startswith("markdown"):
        one_line = SEEN.replace(r"\r", " ")
        assert f"`metric {one_line}`" in text
        assert f"`case {one_line}`" in text


def test_json_alone_has_a_text_as_it_was() -> None:
    store = InMemoryRunStore()
    run_id = run(store, [Case(case_id="a", input=HOSTILE, expected_output=HOSTILE)])
    text = Reporter(store).export_json(run_id)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["run_result"]["cases"][0]["generated_candidates"][0]["final_output"] == HOSTILE
