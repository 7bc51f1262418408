"""On real outputs of models each metric of texts has the value of its reference."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rouge_score import rouge_scorer  # type: ignore[import-untyped]  # it has no types
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from tests.support.lab import ScriptedGenerator, experiment
from themis.core.builtins.metrics.classification import Classification
from themis.core.builtins.metrics.rouge import Rouge
from themis.core.models import Case, Dataset
from themis.core.stores import InMemoryRunStore

DATA = Path(__file__).parents[3] / "shared" / "data"
SOLUTIONS = DATA / "gsm8k_solutions.jsonl"
CHOICES = DATA / "mmlu_pro_gemma7b.jsonl"
COUNT = 60

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason="the real outputs are not here")]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(answers: list[str | None], expected: list[str], *metrics: Any) -> Any:
    """The metrics of a run in which case number n has answer number n."""
    cases = [Case(case_id=f"{no}", input=no, expected_output=text) for no, text in enumerate(expected)]
    generator = ScriptedGenerator(lambda case, ctx: answers[case.input])
    made = experiment(generator, datasets=[Dataset(dataset_id="d", cases=cases)], metrics=metrics)
    return made.run(store=InMemoryRunStore())


def test_the_solutions_of_one_model_against_those_of_another_have_the_values_of_the_references() -> None:
    rows = read(SOLUTIONS)[:COUNT]
    answers, expected = (
        [row["solutions"][model]["solution"] for row in rows] for model in ("6b_finetuning", "175b_verification")
    )
    result = run(answers, expected, "builtin/bleu", "builtin/chrf", "builtin/ter", Rouge(stem=True))
    for name, figure, theirs in (
        ("bleu", "corpus_bleu", BLEU()),
        ("chrf", "corpus_chrf", CHRF()),
        ("ter", "corpus_ter", TER()),
    ):
        found = result.metrics[f"builtin/{name}"]
        score = theirs.corpus_score(answers, [expected]).score
        assert found.aggregates[figure].value == pytest.approx(score, abs=1e-9)
        assert found.aggregates[figure].ci_lower < score < found.aggregates[figure].ci_upper
        assert found.aggregate_notes == {"signature": theirs.get_signature().format()}
        assert found.mean != pytest.approx(score / 100, abs=1e-4)
    variants = ["rouge1", "rouge2", "rougeL"]
    scorer = rouge_scorer.RougeScorer(variants, use_stemmer=True)
    each = [scorer.score(right, said) for said, right in zip(answers, expected, strict=True)]
    for variant in variants:
        mean = sum(one[variant].fmeasure for one in each) / len(each)
        assert result.metrics["builtin/rouge"].aggregates[variant].value == pytest.approx(mean)


def test_letters_that_were_not_found_count_against_the_right_ones() -> None:
    rows = read(CHOICES)
    answers, expected = [row["pred"] for row in rows], [row["answer"] for row in rows]
    assert None in answers
    found = run(answers, expected, Classification()).metrics["builtin/classification"]
    right = Counter(row["answer"] for row in rows if row["answer"] == row["pred"])
    recalls = [right[letter] / count for letter, count in Counter(expected).items()]
    assert found.aggregates["accuracy"].value == pytest.approx(right.total() / len(rows))
    assert found.aggregates["balanced_accuracy"].value == pytest.approx(sum(recalls) / len(recalls))
    assert found.no_answer == answers.count(None)
