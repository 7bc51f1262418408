"""What stands beside a mean, in what each command prints."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest

PARTS = "parts_of_the_tests_of_means"
MODULE = """\
import math
from themis.core.models import GenerationResult, ParsedOutput, Score


class Part:
    version = "1"

    def fingerprint(self):
        return "1"


class Model(Part):
    component_id = "t/model"

    async def generate(self, case, ctx):
        if case.input == "fails":
            raise LookupError("it could not be asked")
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)


class Parser(Part):
    component_id = "t/parser"

    def parse(self, candidate, ctx):
        return ParsedOutput(value=None if candidate.final_output == "says nothing" else candidate.final_output)


class Given(Part):
    component_id = "t/given"

    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=eval(case.metadata["score"], {"math": math}))
"""


@pytest.fixture
def parts(themis: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The commands, with a module of components beside the configs."""
    Path(f"{PARTS}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.delitem(sys.modules, PARTS, raising=False)
    return themis


def config(themis: Any, inputs: list[str], metric: str, **metadata: str) -> Path:
    cases = [
        {"case_id": f"c{number}", "input": value, "expected_output": "right", "metadata": metadata}
        for number, value in enumerate(inputs)
    ]
    written: Path = themis.write(
        "means.yaml",
        {
            "generation": {"generator": f"{PARTS}:Model"},
            "evaluation": {"parsers": [f"{PARTS}:Parser"], "metrics": [metric]},
            "storage": {"store": "sqlite"},
            "datasets": [{"dataset_id": "d", "cases": cases}],
        },
    )
    return written


def test_every_command_shows_what_a_mean_is_of_and_what_is_not_in_it(parts: Any) -> None:
    metric = "builtin/exact_match"
    file = config(parts, ["right", "wrong", "wrong", "says nothing", "fails"], metric)
    ran = parts("run", "--config", file)
    expected = {
        "mean": 0.25,
        "scored": 4,
        "total": 5,
        "no_answer": 1,
        "unscored": 1,
        "low": 0.2,
        "high": 0.4,
        "ci_lower": pytest.approx(0.04559, abs=1e-5),
        "ci_upper": pytest.approx(0.69936, abs=1e-5),
    }
    assert ran.document["metrics"] == {metric: expected}
    counts = ("status", "total_cases", "completed_cases", "failed_cases")
    assert [ran.document[name] for name in counts] == ["partial_failure", 5, 4, 1]
    assert ran.err == (
        "themis: 1 of 5 answers contain nothing that can be scored; evaluation.on_no_answer sets their score, 0 by"
        " default\nthemis: 1 of 5 cases failed; the first: case 'c4': generation_failure: LookupError: it could not"
        f" be asked ({PARTS}.py:17 in Model.generate); THEMIS_DEBUG=1 shows the traceback\n"
    )
    for words in (("resume",), ("quickcheck",)):
        assert parts(*words, "--config", file).document["metrics"] == {metric: expected}
    report = parts("report", "--config", file).document
    assert report["benchmark_result"]["metrics"] == {metric: expected}
    (row,) = parts("status", "--json").document
    assert row["metrics"] == {metric: expected}
    labels, means = parts("status").out.splitlines()
    assert labels.split()[4:7] == ["exact_match", "failed", "remarks"]
    assert "0.2500       1  1 no answer, 1 unscored  " in means
    one = parts("status", row["run_id"][:8]).out
    assert "metric         mean     95 % interval  scored  total  no answer  unscored     low    high\n" in one
    assert "exact_match  0.2500  0.0456 to 0.6994       4      5          1         1  0.2000  0.4000\n" in one
    csv = parts("report", "--config", file, "--format", "csv").out.splitlines()
    assert [line.split(",")[4:6] + line.split(",")[7:8] for line in csv[3:]] == [
        ["incorrect", "0.0", ""],
        ["incorrect", "0.0", "no_answer"],
        ["error", "", "generation_failure"],
    ]


@pytest.mark.few(1)
@pytest.mark.parametrize(("score", "mean"), [("math.exp(709)", math.exp(709)), ("0.1", 0.1)])
def test_every_command_has_the_exact_mean_of_scores_whose_sum_is_none(parts: Any, score: str, mean: float) -> None:
    file = config(parts, ["x", "y", "z"], f"{PARTS}:Given", score=score)
    for words in (("run",), ("run",), ("quickcheck",)):
        done = parts(*words, "--config", file).document
        assert (done["metric_means"], done["metrics"]["t/given"]["mean"]) == ({"t/given": mean}, mean)
    assert parts("report", "--config", file).document["benchmark_result"]["metric_means"] == {"t/given": mean}
    for form in ("markdown", "latex", "csv", "markdown-summary", "latex-summary"):
        assert parts("report", "--config", file, "--format", form).code == 0
    (row,) = parts("status", "--json").document
    assert (row["metric_means"], row["metrics"]["t/given"]["mean"]) == ({"t/given": mean}, mean)
    assert parts("status").code == 0
    assert parts("status", row["run_id"]).code == 0


def test_a_score_that_is_no_number_is_refused_in_one_plain_line(parts: Any) -> None:
    done = parts("run", "--config", config(parts, ["x", "y"], f"{PARTS}:Given", score="math.nan"))
    assert (done.code, done.document["status"]) == (0, "partial_failure")
    assert done.err == (
        "themis: 2 of 2 cases failed; the first: case 'c0': score_failure: Score: value must be a finite number, "
        f"not nan; return a ScoreError where there is no score ({PARTS}.py:32 in Given.score); "
        "THEMIS_DEBUG=1 shows the traceback\n"
    )
