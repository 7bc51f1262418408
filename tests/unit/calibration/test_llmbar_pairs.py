"""A judge that says again what a published one said of 92 pairs, calibrated by the published labels of people."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, judged_experiment
from tests.support.lab import ScriptedGenerator
from themis.core.builtins.judged.pairwise_judge import PairwiseJudge
from themis.core.calibration.calibrating import JudgedRun, calibrated
from themis.core.calibration.labels import LabelFile, PeoplesLabel
from themis.core.contexts import GenerateContext
from themis.core.models import Case, Dataset
from themis.core.stores import InMemoryRunStore

FOLDER = Path(__file__).parents[4] / "shared" / "data"
METRIC = "builtin/pairwise_judge"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the stored judgments of LLMBar are not here")


def read() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The pairs of the plain evaluator, and what its publisher computed from them."""
    lines = (FOLDER / "llmbar_pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["evaluator"] == "Vanilla"]
    return rows, json.loads((FOLDER / "llmbar_statistics.json").read_text(encoding="utf-8"))["Vanilla"]


def test_a_published_judge_has_the_published_agreement_with_people_and_with_itself() -> None:
    """A pair counts for the judge where both orders have its winner: the publisher's `correct_both`, 7 of 92."""
    rows, published = read()
    by_id = {row["case_id"]: row for row in rows}
    given: list[str] = []

    def output(case: Case, ctx: GenerateContext) -> str:
        given.append(case.case_id)
        return str(by_id[case.case_id][f"output_{given.count(case.case_id)}"])

    def says_again(content: str) -> str:
        shown = re.search(r"<answer-A-(\w+)>\n(.*)\n</answer-A-\1>", content, re.DOTALL)
        number = re.search(r"^case (\d+): ", content, re.MULTILINE)
        assert shown
        assert number
        row = by_id[number[1]]
        first = "1" if shown[2] == row["output_1"] else "2"
        winner = row["winner_given_order" if first == "1" else "winner_swapped_order"]
        return "[[A]]" if winner == first else "[[B]]"

    cases = [Case(case_id=row["case_id"], input=f"case {row['case_id']}: {row['input']}") for row in rows]
    metric = PairwiseJudge(rubric="It does what was asked.")
    experiment = judged_experiment(
        [ScriptedJudge(says_again)],
        [metric],
        generator=ScriptedGenerator(output),
        samples=2,
        datasets=[Dataset(dataset_id="llmbar", cases=cases)],
    )
    store = InMemoryRunStore()
    experiment.run(store=store)
    labels = [PeoplesLabel(f"{no}", row["case_id"], "AB"[row["label"] - 1], None, None) for no, row in enumerate(rows)]
    run = JudgedRun(store, experiment.compile(), {METRIC: metric.scale})
    found = calibrated(run, METRIC, LabelFile("labels", "0" * 64, labels), labels)
    assert (found.labelled, found.compared, found.without_verdict) == (92, 92, {})
    assert found.agreement.value is not None
    assert f"{round(found.agreement.value * 92)} / 92 = {found.agreement.value * 100}%" == published["correct_both"]
    bias = found.position_bias
    assert bias.order_agreement.value is not None
    assert f"{round(bias.order_agreement.value * 92)} / 92 = {bias.order_agreement.value * 100}%" == published["equal"]
    assert bias.order_kappa.value == pytest.approx(published["kappa_agreement"], abs=1e-15)
    assert bias.first_shown_share.value == pytest.approx((68 + 77) / 184)
    assert bias.first_shown_share.ci_lower is not None
    assert bias.first_shown_share.ci_lower > 0.6
    assert sum(found.confusion["A"].values()) == 45
    assert found.confusion["A"]["A"] + found.confusion["B"]["B"] == 7
