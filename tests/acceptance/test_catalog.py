"""Named benchmarks from the command line and from a config file, up to the question that a model is asked."""

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.model_server import ModelServer
from themis import Experiment
from themis.catalog import get_benchmark, list_benchmark_ids
from themis.core.models import Score

Themis = Any
"""The fixture's class: see conftest."""

SHARED = Path(__file__).parents[3] / "shared" / "data"
KEY = "sk-tired-0123456789abcdef0123"
ROWS = [
    {"question": "Two boxes of six eggs: how many eggs?", "answer": "2 * 6 = <<2*6=12>>12\n#### 12"},
    {"question": "A week has how many days?", "answer": "#### 7"},
    {"question": "Half of 2,000?", "answer": "#### 1,000"},
]


@pytest.fixture
def gsm8k(themis: Themis) -> str:
    del themis  # it has changed into an empty folder
    Path("gsm8k.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return "gsm8k.jsonl"


def is_one_line(text: str) -> bool:
    return text.startswith("themis: ") and text.count("\n") == 1 and "Traceback" not in text


def test_a_benchmark_from_a_file_is_asked_by_its_prompt_and_scored_by_its_metric(
    themis: Themis, gsm8k: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    benchmark = get_benchmark("gsm8k")
    assert benchmark.prompt is not None
    template = benchmark.prompt.template
    assert isinstance(template, str)
    prompts = [template.replace("{{ input }}", str(row["question"])) for row in ROWS]
    replies = ("2 * 6 = 12. The answer is 12.", "I count 8. The answer is 8.", "The answer is 1000.")
    with ModelServer(answers=dict(zip(prompts, replies, strict=True)), api_key=KEY, models=("small",)) as server:
        asking = ("--model", "openai/small", "--base-url", server.openai_url, "--api-key", "env:MY_KEY")
        found = themis("quick-eval", "benchmark", "--name", "gsm8k", "--path", gsm8k, *asking).document
        asked = [json.loads(request.body)["messages"][-1]["content"] for request in server.questions]
    assert sorted(asked) == sorted(prompts)
    assert found["metric_means"] == {"builtin/math_equivalence": pytest.approx(2 / 3)}


def test_the_same_benchmark_is_one_run_from_the_command_line_and_from_a_config_file(themis: Themis, gsm8k: str) -> None:
    quick = themis("quick-eval", "benchmark", "--name", "gsm8k", "--path", gsm8k, "--limit", "2").document
    assert quick["total_cases"] == 2
    document = {
        "generation": {
            "generator": "builtin/demo_generator",
            "candidate_policy": {"num_samples": 1},
            "reducer": "builtin/majority_vote",
        },
        "datasets": [{"benchmark": "gsm8k", "path": gsm8k, "slice": {"stop": 2}}],
    }
    Path("experiment.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    jsonschema.validate(document, themis("config", "schema").document)
    assert themis("config", "validate", "--config", "experiment.yaml").document["run_id"] == quick["run_id"]
    shown = themis("config", "show", "--config", "experiment.yaml").document
    assert shown["evaluation"]["metrics"] == ["builtin/math_equivalence"]
    prompt = themis("prompt", "show", "--config", "experiment.yaml", "--json").document
    assert prompt["messages"][0]["content"].endswith(str(ROWS[0]["question"]))


def test_a_named_benchmark_is_submitted_and_run_by_a_worker(themis: Themis, gsm8k: str) -> None:
    document = {
        "generation": {"generator": "builtin/demo_generator"},
        "datasets": [{"benchmark": "gsm8k", "path": gsm8k, "shuffle": 5}],
    }
    Path("queued.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    submitted = themis("submit", "--config", "queued.yaml", "--mode", "worker-pool").document
    done = themis("worker", "run").document
    assert (done["run_id"], done["status"]) == (submitted["run_id"], "completed")
    assert themis("quickcheck", "--config", "queued.yaml").document["metric_means"] == {"builtin/math_equivalence": 1.0}


def test_a_metric_and_a_parser_that_are_given_replace_those_of_the_recipe(themis: Themis, gsm8k: str) -> None:
    own = ("--metric", "builtin/exact_match", "--parser", "builtin/text", "--samples", "2")
    found = themis("quick-eval", "benchmark", "--name", "gsm8k", "--path", gsm8k, *own).document
    assert found["metric_means"] == {"builtin/exact_match": 1.0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--name", "gsm9k"), "no benchmark 'gsm9k'; did you mean \"gsm8k\"?"),
        (
            ("--name", "bbh:boolean_expresions"),
            "has no variant 'boolean_expresions'; did you mean \"boolean_expressions\"?",
        ),
        (("--name", "bbh"), "benchmark bbh needs a variant, such as bbh:boolean_expressions"),
        (("--name", "humaneval", "--path", "x.jsonl"), "benchmark humaneval needs a sandbox"),
        (("--name", "simpleqa", "--path", "x.csv"), "benchmark simpleqa needs a judge"),
        (("--name", "gsm8k", "--path", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--name", "gsm8k", "--path", "https://example.org/gsm8k.jsonl"), "gsm8k.jsonl"),
        (("--name", "gsm8k", "--path", "other.jsonl"), "other.jsonl:1: has no 'answer'"),
    ],
)
def test_a_benchmark_that_cannot_be_run_is_one_line_on_standard_error(
    themis: Themis, words: tuple[str, ...], says: str
) -> None:
    Path("other.jsonl").write_text('{"question": "?"}\n', encoding="utf-8")
    done = themis("quick-eval", "benchmark", *words)
    assert done.code == 2
    assert is_one_line(done.err)
    assert says in done.err


def test_the_catalog_is_listed_shown_and_validated(themis: Themis) -> None:
    listed = themis("catalog", "list").document
    assert [one["benchmark_id"] for one in listed] == list_benchmark_ids()
    assert next(one for one in listed if one["benchmark_id"] == "gpqa")["gated"] is True
    every = themis("catalog", "list", "--all").document
    assert {"mmlu:astronomy", "arc:easy", "procbench:task23"} <= {one["benchmark_id"] for one in every}
    shown = themis("catalog", "show", "arc:challenge_chat").document
    assert shown["example_prompt"].count("(A)") == 1
    assert "revision" in shown["unverified"]
    found = themis("catalog", "validate", "gsm8k").document
    assert found["passed"] is True
    assert {check["status"] for check in found["benchmarks"][0]["checks"].values()} == {"passed"}
    assert themis("catalog", "show", "gsm").code == 2


def test_on_a_terminal_the_catalog_is_a_table_and_a_page(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "gsm8k" in themis("catalog", "list").out
    shown = themis("catalog", "show", "humaneval").out
    assert "licence:     MIT" in shown
    assert "revision:    unverified" in shown
    assert "missing:     needs a sandbox that runs code" in shown
    assert "1 of 1 passed" in themis("catalog", "validate", "babe").out


def test_on_a_terminal_a_page_says_which_examples_are_shown_and_fits(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    shown = themis("catalog", "show", "mmlu_pro:5_shot").out
    assert "examples:    the first 5 of the question's category in the split\n             validation, as text" in shown
    assert "parser:      builtin/until, then builtin/choice_letter" in shown
    about, _, prompt = shown.partition("A model is asked, about a sample of our own, after examples of our own:")
    assert max(map(len, about.splitlines())) <= 70
    assert prompt.count("Let's think step by step.") == 3
    assert "examples:    5 in the split train, drawn by seed 0" in themis("catalog", "show", "gsm8k:5_shot").out
    assert "needs:       a judge" in themis("catalog", "show", "simpleqa").out
    assert "rubric:      PASS when" in themis("catalog", "show", "simpleqa").out
    assert "examples:" not in themis("catalog", "show", "gsm8k").out


def test_a_newcomer_is_told_that_the_demo_model_knows_every_answer(
    themis: Themis, gsm8k: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("quick-eval", "benchmark", "--name", "gsm8k", "--path", gsm8k, "--limit", "1")
    assert "demo model" not in themis(*words).err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "the demo model answered, which knows every answer; ask another by --model" in themis(*words).err


def test_examples_are_given_and_counted_on_the_command_line(themis: Themis, gsm8k: str) -> None:
    words = ("quick-eval", "benchmark", "--name", "gsm8k:5_shot", "--path", gsm8k, "--limit", "1")
    assert themis(*words, "--examples", gsm8k, "--shots", "1").document["status"] == "completed"
    done = themis(*words, "--examples", gsm8k, "--shots", "9000")
    assert done.code == 2
    assert is_one_line(done.err)
    shown = themis("quick-eval", "benchmark", "--name", "gsm8k", "--path", gsm8k, "--shots", "2")
    assert shown.code == 2
    assert "or name a variant that shows some, such as gsm8k:5_shot" in shown.err


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real answers are not here: {SHARED}")
@pytest.mark.slow
def test_stored_answers_to_gsm8k_come_to_the_figures_that_were_published(tmp_path: Path) -> None:
    solutions = SHARED / "gsm8k_solutions.jsonl"
    fields = {"case_id": "case_id", "input": "question", "expected_output": "answer"}
    published = {figure.model: figure for figure in get_benchmark("gsm8k").published}
    for model, name in {
        "6b_finetuning": "GPT-3 6B, fine-tuned",
        "175b_verification": "GPT-3 175B, with a verifier",
    }.items():
        replay = {"path": str(solutions), "output": f"solutions.{model}.solution"}
        document = {
            "generation": {"generator": {"use": "builtin/replay_generator", "with": replay}, "prompt": None},
            "storage": {"store": "memory"},
            "datasets": [{"benchmark": "gsm8k", "path": str(solutions), "fields": fields}],
        }
        file = tmp_path / f"{model}.yaml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        result = Experiment.from_config(file).run()
        values = [score.value for case in result.cases for score in case.scores if isinstance(score, Score)]
        assert len(values) == 1319
        assert sum(values) / len(values) == pytest.approx(published[name].value, abs=published[name].tolerance)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real answers are not here: {SHARED}")
@pytest.mark.slow
def test_real_questions_of_mmlu_pro_are_read_by_the_recipe_with_their_choices_shuffled(themis: Themis) -> None:
    rows = SHARED / "mmlu_pro_gemma7b.jsonl"
    document = {
        "generation": {"generator": "builtin/demo_generator"},
        "storage": {"store": "memory"},
        "datasets": [{"benchmark": "mmlu_pro", "path": str(rows), "shuffle_choices": 3}],
    }
    Path("mmlu.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    found = themis("run", "--config", "mmlu.yaml").document
    assert found["metrics"]["builtin/choice_accuracy"]["scored"] == 1_500
    assert found["metric_means"] == {"builtin/choice_accuracy": 1.0}
