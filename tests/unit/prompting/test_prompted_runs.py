"""Whole runs from templates: what is shown is what a server receives, what is kept, and what decides a run."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import ModelServer
from themis.cli.main import main
from themis.core.errors import ConfigError, PromptError
from themis.core.experiment import Experiment
from themis.core.inspection import get_execution_state
from themis.core.models import Score

TEMPLATE = """\
{{ question }}
{% for letter, choice in choices|lettered %}
{{ letter }}. {{ choice }}
{% endfor %}
Answer:"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "quiz.csv").write_text("q,A,B,a\n" + "".join(f"what {no}?,x{no},y{no},B\n" for no in range(6)))
    (tmp_path / "train.jsonl").write_text(
        "".join(
            json.dumps({"input": {"question": f"shot {no}?", "choices": ["l", "r"]}, "expected_output": "A"}) + "\n"
            for no in range(9)
        )
    )
    return tmp_path


def written(folder: Path, url: str, **generation: Any) -> Path:
    generator = {
        "use": "openai",
        "with": {"model_id": "m", "base_url": url, "api_key": "none", "params": {"stop": ["."]}},
    }
    prompt = {
        "system": "Answer with a letter.",
        "template": TEMPLATE,
        "few_shot": {"path": "train.jsonl", "k": 4, "seed": 2},
    }
    document = {
        "generation": {"generator": generator, "prompt": prompt} | generation,
        "evaluation": {"metrics": ["builtin/choice_accuracy"], "parsers": ["builtin/choice_letter"]},
        "storage": {"store": "sqlite"},
        "datasets": [
            {"dataset_id": "quiz", "path": "quiz.csv", "fields": {"input": "q", "choices": ["A", "B"], "answer": "a"}}
        ],
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_what_is_shown_is_what_the_server_receives(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer() as server:
        config = written(folder, server.openai_url)
        shown = {}
        for number in range(1, 7):
            assert main(["prompt", "show", "--config", str(config), "--case", f"case-{number}", "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            shown[found["case_id"]] = found
        assert not server.requests, "nothing is sent to show it"
        experiment = Experiment.from_config(config)
        experiment.run()
        received = [request.data for request in server.requests]
    assert len(received) == 6
    assert sorted(map(json.dumps, received)) == sorted(json.dumps(found["request"]) for found in shown.values())
    messages = shown["case-1"]["messages"]
    assert [turn["role"] for turn in messages] == ["system", *["user", "assistant"] * 4, "user"]
    assert messages[-1]["content"] == "what 0?\nA. x0\nB. y0\nAnswer:"
    with closing(experiment.open_store()) as store:
        state = get_execution_state(store, experiment.compile().run_id)
    for case in state.case_states.values():
        (candidate,) = case.generated_candidates.values()
        assert candidate.artifacts is not None
        assert candidate.artifacts["prompt_sha256"] == shown[case.case_id]["prompt_sha256"]
        assert candidate.conversation is not None
        assert candidate.conversation[0].content == "Answer with a letter."


def test_a_generator_that_keeps_no_conversation_gets_that_of_its_prompt(folder: Path) -> None:
    config = written(folder, "http://x/v1", generator="builtin/demo_generator")
    result = Experiment.from_config(config).run()
    (candidate,) = result.cases[0].generated_candidates
    assert candidate.conversation is not None
    assert [message.role for message in candidate.conversation][:2] == ["system", "user"]
    (score,) = result.cases[0].scores
    assert isinstance(score, Score)
    assert score.value == 1.0


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "changed",
    [
        {"system": "Other."},
        {"template": "{{ question }}"},
        {"few_shot": None},
        {"few_shot": {"path": "train.jsonl", "k": 3, "seed": 2}},
        {"few_shot": {"path": "train.jsonl", "k": 4, "seed": 3}},
        {"few_shot": {"path": "train.jsonl", "k": 4, "seed": 2, "as": "text"}},
        {"few_shot": {"path": "train.jsonl", "k": 4, "seed": 2, "answer": "{{ expected_output }}."}},
    ],
)
def test_every_part_of_a_prompt_decides_the_run(folder: Path, changed: dict[str, Any]) -> None:
    def run_id(prompt: dict[str, Any]) -> str:
        config = written(folder, "http://x/v1", generator="builtin/demo_generator", prompt=prompt)
        return Experiment.from_config(config).compile().run_id

    prompt = {"system": "S", "template": TEMPLATE, "few_shot": {"path": "train.jsonl", "k": 4, "seed": 2}}
    assert run_id(prompt | changed) != run_id(prompt)
    (folder / "copy.jsonl").write_bytes((folder / "train.jsonl").read_bytes())
    moved = {"few_shot": {"path": "copy.jsonl", "k": 4, "seed": 2}}
    assert run_id(prompt | moved) == run_id(prompt), "the file's name does not"


def test_a_run_needs_its_examples_no_more_once_it_is_compiled(folder: Path) -> None:
    config = written(folder, "http://x/v1", generator="builtin/demo_generator")
    experiment = Experiment.from_config(config)
    snapshot = experiment.compile()
    experiment.run(until_stage="generate")
    (folder / "train.jsonl").unlink()
    assert experiment.run().run_id == snapshot.run_id


@pytest.mark.parametrize(
    ("generation", "error", "words"),
    [
        ({"prompt_spec": {"instructions": "x"}}, ConfigError, "`prompt` and `prompt_spec` exclude each other"),
        ({"prompt": {"template": "{{ qestion }}"}}, PromptError, "'qestion' is undefined"),
        ({"prompt": {"few_shot": {"path": "train.jsonl", "k": 10}}}, PromptError, "has 9 different examples"),
        ({"prompt": {"few_shot": {"path": "https://x/y.jsonl", "k": 1}}}, ConfigError, "is a URL; download the file"),
        ({"prompt": {"few_shot": {"path": "train.jsonl", "k": 0}}}, ConfigError, "greater than 0"),
        ({"prompt": {"sytem": "x"}}, ConfigError, 'did you mean "system"'),
    ],
)
def test_a_mistake_is_found_before_a_model_is_asked(
    folder: Path, generation: dict[str, Any], error: type[Exception], words: str
) -> None:
    with ModelServer() as server:
        with pytest.raises(error, match=words):
            Experiment.from_config(written(folder, server.openai_url, **generation)).run()
        assert not server.requests


def test_a_case_that_cannot_be_rendered_fails_alone(folder: Path) -> None:
    (folder / "quiz.csv").write_text("q,A,B,a\nfirst,x,y,B\n,x,y,B\n".replace(",x,y,B\n,", ",x,y,B\nsecond,"))
    prompt = {"template": "{{ 'x' if question == 'first' else missing }}"}
    result = Experiment.from_config(
        written(folder, "http://x/v1", generator="builtin/demo_generator", prompt=prompt)
    ).run()
    assert result.status.value == "partial_failure"
    (failure,) = result.cases[1].generation_failures.values()
    assert "'missing' is undefined" in failure.message


def test_a_case_that_is_not_there_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(folder, "http://x/v1")
    assert main(["prompt", "show", "--config", str(config), "--case", "case-9"]) == 2
    assert "no dataset here has a case 'case-9'" in capsys.readouterr().err


def test_without_the_key_the_messages_are_shown_all_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = {"use": "openai", "with": {"model_id": "m", "api_key": "env:SURELY_NOT_SET"}}
    assert main(["prompt", "show", "--config", str(written(folder, "http://x/v1", generator=generator)), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["messages"][0] == {"role": "system", "content": "Answer with a letter."}
    assert "SURELY_NOT_SET is not set" in err
