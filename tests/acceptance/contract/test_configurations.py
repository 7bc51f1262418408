"""What a config file may say: its keys, how components, paths, secrets and cases are written; what metrics expect."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import themis.core as t
from themis.core.config import ExperimentConfig
from themis.core.errors import ConfigError, LiteralSecretError, UnknownConfigKeyError

PLAIN: dict[str, Any] = {
    "generation": {"generator": "builtin/demo_generator"},
    "evaluation": {"metrics": ["builtin/exact_match"]},
    "storage": {"store": "sqlite"},
    "datasets": [{"dataset_id": "d", "cases": [{"case_id": "a", "input": "q", "expected_output": "x"}]}],
}
COMPONENTS = """
from themis.core import Score


class Length:
    component_id = "mine/length"
    version = "1"

    def __init__(self, factor=1.0):
        self.factor = factor

    def fingerprint(self):
        return "f"

    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=self.factor * len(parsed.value))


def make():
    return Length(2.0)


instance = Length(3.0)
"""
MODULE = "components_of_the_contract"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    (tmp_path / f"{MODULE}.py").write_text(COMPONENTS, encoding="utf-8")
    return tmp_path


def load(folder: Path, overrides: tuple[str, ...] = (), **keys: Any) -> t.Experiment:
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, **keys}), encoding="utf-8")
    return t.Experiment.from_config(path, overrides=overrides)


def test_the_keys_are_the_fields_of_the_models(folder: Path) -> None:
    assert set(ExperimentConfig.model_fields) == {
        "generation",
        "evaluation",
        "storage",
        "runtime",
        "datasets",
        "seeds",
        "environment_metadata",
        "name",
        "labels",
    }
    made = load(
        folder,
        runtime={"max_concurrent_tasks": 2, "stage_concurrency": dict.fromkeys(STAGES, 1)},
        seeds=[7],
        environment_metadata={"gpus": 2},
    )
    assert (made.seeds, made.environment_metadata) == ([7], {"gpus": "2"})
    with pytest.raises(UnknownConfigKeyError, match="generaton"):
        load(folder, generaton={})


STAGES = ("generation", "selection", "reduction", "parsing", "scoring", "evaluation")


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        (f"{MODULE}:Length", 1.0),
        (f"{MODULE}:make", 2.0),
        (f"{MODULE}:instance", 3.0),
        ({"use": f"{MODULE}:Length", "with": {"factor": 4.0}}, 4.0),
    ],
    ids=["class", "factory", "instance", "with arguments"],
)
def test_a_component_is_an_id_or_what_can_be_imported(folder: Path, metric: Any, score: float) -> None:
    result = load(folder, evaluation={"metrics": [metric]}, storage={"store": "memory"}).run()
    assert result.cases[0].scores == [t.Score(metric_id="mine/length", value=score)]


def test_relative_paths_are_relative_to_the_file_and_have_defaults(folder: Path) -> None:
    plain = load(folder)
    assert plain.storage.parameters["path"] == str(folder / "runs/themis.sqlite3")
    assert plain.runtime.queue_root == str(folder / "runs/queue")
    assert plain.runtime.batch_root == str(folder / "runs/batch")
    told = load(
        folder,
        storage={"store": "sqlite", "parameters": PATHS},
        runtime={"queue_root": "q", "batch_root": "/elsewhere"},
    )
    assert told.storage.parameters == {name: str(folder / end) for name, end in PATHS.items()}
    assert (told.runtime.queue_root, told.runtime.batch_root) == (str(folder / "q"), "/elsewhere")


PATHS = {"path": "a.db", "root": "b", "blob_root": "c"}


def test_a_dataset_may_name_its_cases_by_file(folder: Path) -> None:
    rows = [{"id": 1, "question": "q", "answer": {"text": "x"}}]
    (folder / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fields = {"case_id": "id", "input": "question", "expected_output": "answer.text"}
    made = load(
        folder,
        datasets=[{"dataset_id": "d", "path": "qa.jsonl", "fields": fields}],
        storage={"store": "memory"},
    )
    assert [case.case_id for case in made.run().cases] == ["1"]


def test_secrets_are_references(folder: Path) -> None:
    metric = {"use": f"{MODULE}:Length", "with": {"api_key": "sk-0123456789abcdef0123456789abcdef"}}
    with pytest.raises(LiteralSecretError, match="api_key"):
        load(folder, evaluation={"metrics": [metric]})
    stored = load(folder, environment_metadata={"at": "https://me:secret-word@host/"}).compile()
    assert "secret-word" not in stored.model_dump_json()


def test_what_is_wrong_is_said_by_file_and_key(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"experiment\.yaml: runtime\.max_concurrent_tasks"):
        load(folder, runtime={"max_concurrent_tasks": 0})
    with pytest.raises(ConfigError, match="at most 1"):
        load(folder, evaluation={"parsers": ["builtin/text", "builtin/text"]})


# --- the shipped components

BUILTINS = [
    "builtin/demo_generator",
    "builtin/majority_vote",
    "builtin/json_identity",
    "builtin/text",
    "builtin/choice_letter",
    "builtin/math_answer",
    "builtin/code_text",
    "builtin/exact_match",
    "builtin/f1",
    "builtin/bleu",
    "builtin/choice_accuracy",
    "builtin/math_equivalence",
]


def value_of(result: t.RunResult) -> Any:
    """The only score of the only case."""
    (score,) = result.cases[0].scores
    return score.value if isinstance(score, t.Score) else score.reason


def scored(metric: str, expected: Any, answer: Any, parser: str | None = None) -> Any:
    """What a metric gives for an answer."""
    return value_of(
        t.evaluate(
            model=Says(answer),
            data=t.dataset_from_inline(input_value="q", expected_output=expected),
            metric=metric,
            parser=parser,
        )
    )


class Says:
    """Answers the same to everything."""

    component_id = "test/says"
    version = "1"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def fingerprint(self) -> str:
        return json.dumps(self.answer)

    async def generate(self, case: t.Case, ctx: t.GenerateContext) -> t.GenerationResult:
        return t.GenerationResult(candidate_id="c", final_output=self.answer)


@pytest.mark.parametrize("component_id", BUILTINS)
def test_every_shipped_component_is_there_by_its_id(component_id: str, folder: Path) -> None:
    if component_id == "builtin/bleu":
        pytest.importorskip("sacrebleu", reason="builtin/bleu needs sacrebleu")
    role = {
        "demo_generator": {},
        "majority_vote": {"generation": {"generator": "builtin/demo_generator", "reducer": component_id}},
    }
    name = component_id.removeprefix("builtin/")
    is_parser = name in {"json_identity", "text", "choice_letter", "math_answer", "code_text"}
    evaluation = {"parsers": [component_id], "metrics": []} if is_parser else {"metrics": [component_id]}
    keys = role.get(name, {"evaluation": evaluation})
    refs = load(folder, **keys).compile().component_refs.all()
    assert component_id in [ref.component_id for ref in refs.values()]


def test_the_demo_generator_answers_with_what_is_expected_else_with_the_input() -> None:
    data = [{"input": "q", "expected_output": "x"}, {"input": "q"}]
    result = t.evaluate(model="builtin/demo_generator", data=data, metric=[], seeds=[4])
    made = [case.generated_candidates[0] for case in result.cases]
    assert [candidate.final_output for candidate in made] == ["x", "q"]
    assert made[0].candidate_id == "case-1-candidate-4"
    assert made[0].token_usage == {"prompt_tokens": 1, "completion_tokens": 1}
    assert result.cases[0].reduced_candidate is not None
    assert result.cases[0].reduced_candidate.candidate_id == "case-1-reduced"


@pytest.mark.parametrize(
    ("metric", "expected", "answer", "value"),
    [
        ("builtin/exact_match", {"a": [1]}, {"a": [1.0]}, 1.0),
        ("builtin/f1", "the cat", "cat", 1.0),
        ("builtin/f1", ["a dog", "cat"], "cat", 1.0),
        ("builtin/f1", {"answer": "cat"}, {"answer": "cat"}, 1.0),
        ("builtin/f1", {"answers": ["dog", "cat"]}, ["cat"], 1.0),
        ("builtin/math_equivalence", "1/2", "0.5", 1.0),
        ("builtin/math_equivalence", 18, "$18.00", 1.0),
        ("builtin/math_equivalence", {"answer": 18}, "18", 1.0),
        ("builtin/choice_accuracy", "B", "b", 1.0),
        ("builtin/choice_accuracy", {"choice": "B"}, "A", 0.0),
    ],
)
def test_a_metric_takes_what_is_expected_in_each_of_its_forms(
    metric: str, expected: Any, answer: Any, value: float
) -> None:
    assert scored(metric, expected, answer) == value


@pytest.mark.parametrize(
    ("parser", "answer", "value"),
    [
        ("builtin/math_answer", r"so \boxed{7}, no, \boxed{8}", "8"),
        ("builtin/math_answer", "steps\n#### 12", "12"),
        ("builtin/math_answer", "The answer is 5.", "5"),
        ("builtin/choice_letter", "I think (A), so the answer is (C).", "C"),
        ("builtin/code_text", "```python\nx = 1\n```\nthen\n```python\nx = 2\n```", "x = 2"),
        ("builtin/code_text", "x = 3", "x = 3"),
        ("builtin/code_text", {"code": "```\nx = 4\n```"}, "x = 4"),
        ("builtin/code_text", {"solution": "x = 5"}, "x = 5"),
        ("builtin/code_text", {"answer": "x = 6", "why": "so"}, "x = 6"),
        ("builtin/json_identity", {"a": 1}, {"a": 1}),
        ("builtin/text", "  x ", "x"),
    ],
)
def test_a_parser_finds_the_answer(parser: str, answer: Any, value: Any) -> None:
    assert scored("builtin/exact_match", value, answer, parser=parser) == 1.0
