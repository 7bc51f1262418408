"""A model is asked from the command line, and each mistake on the way is one line that says what to change."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import Answer, ModelServer
from tests.support.model_server.failures import html_page, refusing, unknown_parameter

Themis = Any
"""The fixture's class: see conftest."""

KEY = "sk-tired-0123456789abcdef0123"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(
        answers={"6 times 7?": "42", "The capital of Kenya?": "Mombasa"}, api_key=KEY, models=("small",)
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def asking(server: ModelServer, model: str = "openai/small") -> list[str]:
    return ["--model", model, "--base-url", server.openai_url, "--api-key", "env:MY_KEY"]


def is_one_line(text: str) -> bool:
    return text.startswith("themis: ") and text.count("\n") == 1 and "Traceback" not in text


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


# --- what is asked, and what comes out


def test_without_a_model_the_demo_answers(themis: Themis) -> None:
    words = ("--input-json", '{"question": "2 + 2"}', "--expected-output-json", '{"answer": "4"}')
    found = themis("quick-eval", "inline", *words).document
    assert (found["status"], found["metric_means"]) == ("completed", {"builtin/exact_match": 1.0})
    assert set(found) >= {"run_id", "completed_through_stage", "total_cases", "metrics"}
    assert not Path("runs").exists()


def test_a_question_is_put_to_the_model_with_the_parameters_that_were_given_and_no_others(
    themis: Themis, server: ModelServer
) -> None:
    words = ["--input", "6 times 7?", "--expected-output", "42", "--param", "temperature=0", "--param", "max_tokens=16"]
    found = themis("quick-eval", "inline", *words, *asking(server)).document
    assert found["metric_means"] == {"builtin/exact_match": 1.0}
    (asked,) = server.questions
    assert asked.data == {
        "model": "small",
        "messages": [{"role": "user", "content": "6 times 7?"}],
        "temperature": 0,
        "max_tokens": 16,
    }
    assert asked.key == KEY


def test_a_question_without_an_expected_output_is_answered_and_not_scored(themis: Themis, server: ModelServer) -> None:
    found = themis("quick-eval", "inline", "--input", "6 times 7?", *asking(server)).document
    assert (found["status"], found["metrics"], found["completed_cases"]) == ("completed", {}, 1)


def test_a_file_is_a_dataset_of_its_name(themis: Themis, server: ModelServer) -> None:
    lines = [
        {"q": "6 times 7?", "a": {"text": "42"}},
        {"q": "The capital of Kenya?", "a": {"text": "Nairobi"}},
    ]
    Path("trivia.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    words = ["--path", "trivia.jsonl", "--input-field", "q", "--expected-output-field", "a.text"]
    store = ["--store", "kept.sqlite3", "--samples", 3, "--max-concurrent", 2]
    found = themis("quick-eval", "file", *words, *store, *asking(server)).document
    assert found["metric_means"] == {"builtin/exact_match": 0.5}
    assert len(server.questions) == 6
    assert server.most_at_once <= 2
    themis.write(
        "look.yaml", {**themis.experiment, "storage": {"store": "sqlite", "parameters": {"path": "kept.sqlite3"}}}
    )
    (row,) = themis("status", "--config", "look.yaml", "--json").document
    assert row["run_id"] == found["run_id"]


def test_the_same_file_needs_no_fields_when_its_keys_are_those_of_a_case(themis: Themis) -> None:
    Path("sums.jsonl").write_text('{"input": "1", "expected_output": "1"}\n', encoding="utf-8")
    assert themis("quick-eval", "file", "--path", "sums.jsonl").document["metric_means"] == {"builtin/exact_match": 1.0}


def test_choices_of_a_file_are_scored_by_their_log_likelihoods(themis: Themis) -> None:
    rows = [{"q": "2 + 2?", "options": ["3", "4"], "right": 1}, {"q": "A prime?", "options": ["4", "7"], "right": "B"}]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fields = ("--input-field", "q", "--choices-field", "options", "--answer-field", "right")
    found = themis("quick-eval", "file", "--path", "rows.jsonl", *fields, "--task", "continuations").document
    assert (found["status"], found["metric_means"]) == ("completed", {"builtin/acc": 1.0})
    words = ("--metric", "builtin/mc2", "--metric", "builtin/acc_norm")
    found = themis("quick-eval", "file", "--path", "rows.jsonl", *fields, "--task", "continuations", *words).document
    assert set(found["metric_means"]) == {"builtin/mc2", "builtin/acc_norm"}


def test_a_benchmark_is_scored_by_the_log_likelihoods_that_its_recipe_asks_for(themis: Themis) -> None:
    row = {"id": "1", "question": "2 + 2?", "choices": {"text": ["3", "4"], "label": ["A", "B"]}, "answerKey": "B"}
    Path("arc.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    found = themis("quick-eval", "benchmark", "--name", "arc:easy", "--path", "arc.jsonl").document
    assert found["metric_means"] == {"builtin/acc": 1.0, "builtin/acc_norm": 1.0}


def test_a_benchmark_whose_prompt_shows_examples_needs_them_beside_a_file_of_its_own(themis: Themis) -> None:
    def row(question: str, answer: int) -> dict[str, Any]:
        return {"question": question, "subject": "astronomy", "choices": ["1", "2", "3", "4"], "answer": answer}

    Path("test.jsonl").write_text(json.dumps(row("How many moons has Mars?", 1)) + "\n", encoding="utf-8")
    examples = [row(f"Example {no}", no % 4) for no in range(6)]
    Path("dev.jsonl").write_text("".join(json.dumps(one) + "\n" for one in examples), encoding="utf-8")
    words = ("quick-eval", "benchmark", "--name", "mmlu:astronomy", "--path", "test.jsonl")
    refused = themis(*words)
    assert refused.code == 2
    assert is_one_line(refused.err)
    assert "needs 5 examples; its prompt shows those of the split dev: give the file" in refused.err
    assert themis(*words, "--examples", "dev.jsonl").document["metric_means"] == {"builtin/acc": 1.0}
    config = {
        "generation": {"generator": "builtin/demo_generator"},
        "datasets": [{"benchmark": "mmlu:astronomy", "path": "test.jsonl", "examples": "dev.jsonl"}],
    }
    shown = themis("prompt", "show", "--config", themis.write("mmlu.yaml", config)).document["messages"][0]["content"]
    assert "The following are multiple-choice questions (with answers) about astronomy.\n\nExample 0\nA. 1" in shown
    assert "\nD. 4\nAnswer: A\n\nExample 1\n" in shown
    assert "\nAnswer: A\n\nHow many moons has Mars?\n" in shown, "of six examples the first five"
    other = themis("quick-eval", "benchmark", "--name", "arc:easy", "--path", "test.jsonl", "--examples", "dev.jsonl")
    assert "its prompt shows none: leave `examples` out" in other.err


def test_a_component_beside_the_command_is_a_model_too(themis: Themis) -> None:
    themis.failing(of=1, failures=0)
    words = ("--input", "x", "--expected-output", "y", "--model", f"{themis.model_module}:Model")
    assert themis("quick-eval", "inline", *words).document["metric_means"] == {"builtin/exact_match": 1.0}


def test_people_on_a_terminal_see_the_answer_and_how_it_ended(
    themis: Themis, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    server.play(Answer("forty-", finish="length"))
    words = ("quick-eval", "inline", "--input", "6 times 7?", "--expected-output", "42", *asking(server))
    shown = themis(*words).out
    assert "case-1: forty-  [ended by length]\n    builtin/exact_match 0.0000\n" in shown
    assert "completed" in shown
    assert themis(*words, "--json").document["status"] == "completed"
    monkeypatch.setenv("THEMIS_OUTPUT", "json")
    assert themis(*words).document["status"] == "completed"


# --- mistakes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--input: is missing: give the question, or --input-json"),
        (["--input", "a", "--input-json", '"a"'], "--input: give it or --input-json, not both"),
        (["--input-json", "{a: 1}"], "--input-json: is not JSON"),
        (["--input-json", '{"a": 1, "a": 2}'], "--input-json: "),
        (["--input", "a", "--expected-output-json", "NaN"], "--expected-output-json: "),
        (["--input", "a", "--model", "opnai/gpt-5.4"], 'did you mean "openai/gpt-5.4"?'),
        (["--input", "a", "--model", "openai/gpt-5.4"], "the secret OPENAI_API_KEY is not set"),
        (["--input", "a", "--model", "openai/x", "--api-key", "env:NO_SUCH_KEY"], "the secret NO_SUCH_KEY is not set"),
        (["--input", "a", "--model", "openai/x", "--base-url", "localhost:8000"], "base_url must be a URL"),
        (["--input", "a", "--model", "no_such_module:Model"], "cannot import 'no_such_module:Model'"),
        (["--input", "a", "--param", "temperature"], "is not name=value, such as temperature=0.2"),
        (["--input", "a", "--param", "stop=[a"], "--param stop: "),
        (["--input", "a", "--metric", "builtin/exact_mach"], 'did you mean "builtin/exact_match"?'),
        (["--input", "a", "--parser", "builtin/txt"], 'did you mean "builtin/text"?'),
        (["--input", "a", "--store", "results"], "--store: 'results' is neither memory nor a database"),
        (["--input", "a", "--samples", "0"], "Invalid value for '--samples'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_nothing_is_asked(
    words: list[str], said: str, themis: Themis
) -> None:
    done = themis("quick-eval", "inline", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert is_one_line(done.err)


def test_a_key_on_the_command_line_is_refused_and_not_repeated(themis: Themis) -> None:
    done = themis("quick-eval", "inline", "--input", "a", "--model", "openai/x", "--api-key", KEY)
    assert (done.code, done.out) == (2, "")
    assert "api_key holds what looks like a secret; write a reference to it instead" in done.err
    assert KEY not in done.err


def test_a_file_that_is_not_there_is_named(themis: Themis) -> None:
    done = themis("quick-eval", "file", "--path", "nowhere.jsonl")
    assert done.code == 2
    assert "nowhere.jsonl: cannot be read: No such file or directory" in done.err
    assert is_one_line(done.err)


def test_a_field_that_no_line_has_gets_the_nearest_one(themis: Themis) -> None:
    Path("q.jsonl").write_text('{"question": "x", "answer": "y"}\n', encoding="utf-8")
    done = themis("quick-eval", "file", "--path", "q.jsonl", "--input-field", "quesion")
    assert done.code == 2
    assert "q.jsonl:1: has no 'quesion', which fields.input names; did you mean \"question\"?" in done.err
    assert is_one_line(done.err)


def test_a_model_that_the_provider_does_not_have_is_named(themis: Themis, server: ModelServer) -> None:
    done = themis("quick-eval", "inline", "--input", "a", *asking(server, "openai/smal"))
    assert (done.code, done.document["status"]) == (3, "failed")
    assert "has no such model or address: The model 'smal' does not exist" in done.err
    assert is_one_line(done.err)


def test_a_key_that_is_wrong_is_refused_without_being_shown(
    themis: Themis, server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = "sk-wrong-9876543210fedcba9876"
    monkeypatch.setenv("MY_KEY", wrong)
    done = themis("quick-eval", "inline", "--input", "a", "--store", "kept.sqlite3", *asking(server))
    assert done.code == 3
    assert "refuses the API key: Incorrect API key provided." in done.err
    assert is_one_line(done.err)
    assert wrong not in done.out + done.err
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"refuses the API key" in kept
    assert wrong.encode() not in kept


def test_a_parameter_that_the_model_does_not_know_ends_the_run_with_its_name(
    themis: Themis, server: ModelServer
) -> None:
    server.play(refusing("temprature", unknown_parameter))
    done = themis("quick-eval", "inline", "--input", "a", "--param", "temprature=1", *asking(server))
    assert (done.code, done.out) == (2, "")
    assert "does not accept generation.generator.with.params.temprature: Unknown parameter: 'temprature'." in done.err
    assert is_one_line(done.err)


def test_an_address_that_is_a_web_page_is_said_to_be(themis: Themis, server: ModelServer) -> None:
    server.play(*[html_page()] * 3)
    done = themis("quick-eval", "inline", "--input", "a", *asking(server))
    assert (done.code, done.document["status"]) == (3, "failed")
    assert "a web page titled '502 Bad Gateway' instead of JSON" in done.err
    assert is_one_line(done.err)
