"""Real questions: their choices and answers by a dataset's own fields, and real prompts as a server receives them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import ModelServer
from themis.cli.main import main
from themis.core.config import EvaluationConfig, GenerationConfig, StorageConfig
from themis.core.dataset_config import DatasetFile
from themis.core.datasets import FileSource
from themis.core.experiment import Experiment

DATA = Path(__file__).parents[3] / "shared" / "data"
QUESTIONS, CORRECT, WITHOUT_ANSWER = 1_500, 481, 199

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not here: {DATA}")

FIELDS: dict[str, Any] = {
    "case_id": "question_id",
    "input": "question",
    "choices": "options",
    "answer": "answer",
    "metadata": ["category"],
}


def source(**selection: Any) -> FileSource:
    spec = DatasetFile(dataset_id="mmlu", path=str(DATA / "mmlu_pro_gemma7b.jsonl"), fields=FIELDS, **selection)
    return FileSource("mmlu", spec.path, spec.fields, selection=spec.selection)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 7])
def test_the_stored_answers_of_mmlu_pro_score_as_published_through_choices(tmp_path: Path, seed: int | None) -> None:
    stored = {}
    with (DATA / "mmlu_pro_gemma7b.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            stored[str(row["question_id"])] = row
    outputs = tmp_path / "outputs.jsonl"
    # The stored answers name letters of the order that their model saw: with other letters each is that of its text.
    with outputs.open("w", encoding="utf-8") as file:
        for case in source(shuffle_choices=seed).cases():
            row = stored[case.case_id]
            assert row["options"]["ABCDEFGHIJ".index(row["answer"])] == _gold(case)
            pred = row["pred"]
            found = "no letter" if pred is None else f"The answer is ({_moved(case, row, pred)})."
            file.write(json.dumps({"case_id": case.case_id, "output": found}) + "\n")
    experiment = Experiment(
        generation=GenerationConfig(
            generator={"use": "builtin/replay_generator", "with": {"path": str(outputs), "output": "output"}}
        ),
        evaluation=EvaluationConfig(metrics=["builtin/choice_accuracy"], parsers=["builtin/choice_letter"]),
        storage=StorageConfig(store="memory"),
        datasets=[
            DatasetFile(
                dataset_id="mmlu", path=str(DATA / "mmlu_pro_gemma7b.jsonl"), fields=FIELDS, shuffle_choices=seed
            )
        ],
    )
    result = experiment.run()
    scores = [case.scores[0] for case in result.cases]
    assert len(scores) == QUESTIONS
    assert sum(getattr(score, "value", 0.0) for score in scores) == CORRECT
    assert (
        sum(case.parsed_output is None or case.parsed_output.value is None for case in result.cases) == WITHOUT_ANSWER
    )


def _gold(case: Any) -> str:
    return str(case.input["choices"]["ABCDEFGHIJ".index(case.expected_output)])


def _moved(case: Any, row: dict[str, Any], letter: str) -> str:
    index = "ABCDEFGHIJ".index(letter)
    if index >= len(row["options"]):
        return letter
    order = case.metadata.get("choice_order")
    return letter if order is None else "ABCDEFGHIJ"[[int(number) for number in order.split(",")].index(index)]


def test_gsm8k_with_four_shots_is_sent_as_it_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (DATA / "gsm8k_solutions.jsonl").open(encoding="utf-8") as lines:
        rows = [next(lines) for _ in range(40)]
    (tmp_path / "train.jsonl").write_text("".join(rows[20:]), encoding="utf-8")
    (tmp_path / "test.jsonl").write_text("".join(rows[:20]), encoding="utf-8")
    fields = {"input": "question", "expected_output": "answer"}
    with ModelServer() as server:
        document = {
            "generation": {
                "generator": {
                    "use": "openai",
                    "with": {"model_id": "m", "base_url": server.openai_url, "api_key": "none"},
                },
                "prompt": {
                    "template": "Question: {{ input }}\nAnswer:",
                    "few_shot": {"path": "train.jsonl", "fields": fields, "k": 4, "seed": 1},
                },
            },
            "evaluation": {"metrics": ["builtin/math_equivalence"], "parsers": ["builtin/math_answer"]},
            "storage": {"store": "sqlite"},
            "datasets": [{"dataset_id": "gsm8k", "path": "test.jsonl", "fields": {**fields, "case_id": "case_id"}}],
        }
        config = tmp_path / "experiment.yaml"
        config.write_text(yaml.safe_dump(document))
        Experiment.from_config(config).run()
        received = {json.dumps(request.data) for request in server.requests}
        shown = set()
        for row in map(json.loads, rows[:20]):
            assert main(["prompt", "show", "--config", str(config), "--case", row["case_id"], "--json"]) == 0
            shown.add(json.dumps(json.loads(capsys.readouterr().out)["request"]))
    assert len(received) == 20
    assert received == shown
