"""On real solutions of real problems our verdict is the publisher's, on every one."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import scores_of
from themis import Experiment
from themis.core.builtins.generators.replay import ReplayGenerator
from themis.core.builtins.metrics.math_equivalence import MathEquivalence
from themis.core.builtins.parsers.math_answer import MathAnswer
from themis.core.contexts import GenerateContext, ParseContext, ScoreContext
from themis.core.datasets import FileSource
from themis.core.models import Case, ReducedCandidate, Score

DATA = Path(__file__).parents[3] / "shared" / "data" / "gsm8k_solutions.jsonl"
FIELDS = {"case_id": "case_id", "input": "question", "expected_output": "answer"}
PROBLEMS = 1319
CORRECT = {"6b_finetuning": 286, "175b_verification": 742}

CONFIG = """\
generation:
  generator:
    use: builtin/replay_generator
    with:
      path: {data}
      output: solutions.{model}.solution
evaluation:
  parsers: [builtin/math_answer]
  metrics: [builtin/math_equivalence]
storage:
  store: sqlite
  parameters: {{path: runs/themis.sqlite3}}
datasets:
  - dataset_id: gsm8k-test
    path: {data}
    fields: {{case_id: case_id, input: question, expected_output: answer}}
"""

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"the real solutions are not here: {DATA}")


@pytest.fixture(params=CORRECT)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def published(model: str) -> dict[str, bool]:
    """The publisher's verdict by case id."""
    with DATA.open(encoding="utf-8") as lines:
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    verdicts = {row["case_id"]: row["solutions"][model]["is_correct"] for row in rows}
    assert len(verdicts) == PROBLEMS
    assert sum(verdicts.values()) == CORRECT[model]
    return verdicts


async def verdict(generator: ReplayGenerator, case: Case) -> bool:
    result = await generator.generate(case, GenerateContext(run_id="r", case_id=case.case_id))
    candidate = ReducedCandidate(
        candidate_id="c", source_candidate_ids=[result.candidate_id], final_output=result.final_output
    )
    parsed = MathAnswer().parse(candidate, ParseContext(run_id="r", case_id=case.case_id))
    score = MathEquivalence().score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
    assert isinstance(score, Score)
    return score.value >= 1


@pytest.mark.few(1)
def test_the_components_agree_with_the_publisher(model: str, published: dict[str, bool]) -> None:
    generator = ReplayGenerator(str(DATA), f"solutions.{model}.solution")
    cases = FileSource("gsm8k-test", DATA, FIELDS).cases()

    async def verdicts() -> dict[str, bool]:
        return {case.case_id: await verdict(generator, case) for case in cases}

    assert asyncio.run(verdicts()) == published


@pytest.mark.slow
def test_an_experiment_agrees_with_the_publisher(model: str, published: dict[str, bool], tmp_path: Path) -> None:
    config = tmp_path / "gsm8k.yaml"
    config.write_text(CONFIG.format(data=DATA, model=model))
    result = Experiment.from_config(config).run()
    assert result.progress.completed_cases == PROBLEMS
    assert {case.case_id: scores_of(case)[0] >= 1 for case in result.cases} == published
    assert (tmp_path / "runs" / "themis.sqlite3").is_file()


@pytest.mark.slow
def test_the_publisher_s_own_verdicts_are_scores_beside_ours(
    model: str, published: dict[str, bool], tmp_path: Path
) -> None:
    theirs = f"{{use: builtin/precomputed, with: {{path: {DATA}, field: solutions.{model}.is_correct}}, as: publisher}}"
    text = CONFIG.format(data=DATA, model=model).replace("[builtin/math_equivalence]", f"[{theirs}]")
    config = tmp_path / "gsm8k.yaml"
    config.write_text(text)
    result = Experiment.from_config(config).run()
    assert {case.case_id: scores_of(case)[0] == 1 for case in result.cases} == published
    assert result.metrics["publisher"].mean == pytest.approx(CORRECT[model] / PROBLEMS)
