"""`themis init` writes an experiment that asks a model, says which one and why, and what comes next."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.model_server import ModelServer
from themis.adapters.model_names import PROVIDERS
from themis.cli.begin.init import PROVIDERS as OFFERED
from themis.cli.begin.starting_files import DEMO, STARTS

Themis = Any
"""The fixture's class: see conftest."""

ANSWERS = {"pens": 20, "train": 75, "eggs": 31}
"""Two of the three sample problems are answered rightly."""


def generator_in(folder: Path) -> Any:
    return yaml.safe_load((folder / "experiment.yaml").read_text())["generation"]["generator"]


def test_the_providers_that_are_offered_are_known() -> None:
    assert list(OFFERED) == [*STARTS, DEMO]
    assert set(STARTS) <= set(PROVIDERS)


@pytest.mark.parametrize(
    ("provider", "use", "said"),
    [
        ("openai", "openai", {"api_key": "env:OPENAI_API_KEY"}),
        ("anthropic", "anthropic", {"api_key": "env:ANTHROPIC_API_KEY"}),
        ("vllm", "vllm", {"base_url": "http://localhost:8000/v1"}),
        ("ollama", "openai", {"base_url": "http://localhost:11434/v1", "api_mode": "chat_completions"}),
    ],
)
def test_the_model_of_a_provider_is_asked_with_its_key_by_reference(
    provider: str, use: str, said: dict[str, str], themis: Themis
) -> None:
    done = themis("init", "--path", "mine", "--provider", provider, "--model", "some/model:1b")
    assert (done.code, done.out) == (0, "mine\n")
    assert generator_in(Path("mine")) == {"use": use, "with": {"model_id": "some/model:1b", **said}}
    assert themis("init", "--path", "usual", "--provider", provider).code == 0
    assert generator_in(Path("usual"))["with"]["model_id"] == STARTS[provider].model


def test_what_comes_next_is_printed_beside_the_path(themis: Themis) -> None:
    assert themis("init", "--path", "my own", "--provider", "openai").err == (
        "themis: the experiment asks gpt-5.4-mini of openai\n"
        "Next:\n"
        "  export OPENAI_API_KEY=…\n"
        "  themis model check 'my own/experiment.yaml'\n"
        "  themis run 'my own/experiment.yaml'\n"
    )
    assert "  ollama pull gemma3:270m\n" in themis("init", "--path", "o", "--provider", "ollama").err
    assert "  vllm serve Qwen/Qwen3-0.6B\n" in themis("init", "--path", "v", "--provider", "vllm").err


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without keys and without a server of models."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("themis.cli.begin.found_models.said_by", lambda *_: None)


@pytest.mark.usefixtures("nothing_here")
def test_without_key_and_server_it_is_the_demo_model_and_says_so(themis: Themis) -> None:
    done = themis("init", "--path", "mine")
    assert (done.code, done.out) == (0, "mine\n")
    assert done.err == (
        "themis: neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set, and no Ollama or vLLM answers on this machine; "
        "the experiment uses the built-in demo model, which is not a real model: it knows every answer; "
        "--provider openai, anthropic, ollama or vllm asks one\n"
        "Next:\n"
        "  themis run mine/experiment.yaml\n"
    )
    assert generator_in(Path("mine")) == "builtin/demo_generator"
    assert themis(*done.err.split("themis")[-1].split()).document["metric_means"] == {"builtin/exact_match": 1.0}


@pytest.mark.usefixtures("nothing_here")
def test_the_demo_model_is_chosen_openly(themis: Themis) -> None:
    done = themis("init", "--path", "mine", "--provider", "demo")
    assert done.err.startswith("themis: the experiment uses the built-in demo model, which is not a real model")
    assert generator_in(Path("mine")) == "builtin/demo_generator"


@pytest.mark.usefixtures("nothing_here")
def test_a_key_that_is_set_chooses_its_provider(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-step-0123456789abcdef")
    done = themis("init", "--path", "mine")
    asked = STARTS["anthropic"].model
    assert f"themis: the experiment asks {asked} of anthropic (ANTHROPIC_API_KEY is set)\n" in done.err
    assert "export" not in done.err
    assert generator_in(Path("mine"))["use"] == "anthropic"


@pytest.mark.usefixtures("nothing_here")
def test_a_server_that_answers_is_asked_with_a_model_that_it_has(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"models": [{"name": "tiny:1b", "size": 1}]}
    monkeypatch.setattr(
        "themis.cli.begin.found_models.said_by", lambda url, path: said if path == "/api/tags" else None
    )
    done = themis("init", "--path", "mine")
    assert "the experiment asks tiny:1b of ollama (a server answers at localhost:11434)\n" in done.err
    assert "ollama pull" not in done.err
    assert generator_in(Path("mine"))["with"]["model_id"] == "tiny:1b"


def test_the_schema_for_editors_is_beside_the_experiment(themis: Themis) -> None:
    schema = themis("config", "schema").document
    validator = jsonschema.Draft202012Validator(schema)
    for provider in ("demo", "vllm"):
        folder = Path(provider)
        themis("init", "--path", folder, "--provider", provider)
        first = (folder / "experiment.yaml").read_text().splitlines()[0]
        assert first == "# yaml-language-server: $schema=themis.schema.json"
        assert json.loads((folder / "themis.schema.json").read_text()) == schema
        validator.validate(yaml.safe_load((folder / "experiment.yaml").read_text()))


def test_the_steps_that_are_printed_work(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-step-0123456789abcdef0123")
    steps = themis("init", "--path", "mine").err.splitlines()[2:]
    samples = [json.loads(line) for line in Path("mine/data/sample.jsonl").read_text().splitlines()]
    by_input = {sample["input"]: f"So it is.\nAnswer: {ANSWERS[sample['case_id']]}" for sample in samples}

    def answer(request: Any) -> str:
        return next(said for question, said in by_input.items() if question in request.question)

    with ModelServer(answers=answer) as server:
        here = ["--set", f"generation.generator.with.base_url={server.openai_url}"]
        checked, run = (themis(*shlex.split(step)[1:], *here) for step in steps)
        assert checked.document["answer"] == "So it is.\nAnswer: 20"
        assert run.document["metric_means"] == {"builtin/math_equivalence": pytest.approx(2 / 3)}
        assert all("End with a line" in request.question for request in server.questions)


@pytest.mark.slow
def test_its_program_runs(themis: Themis) -> None:
    with ModelServer(default="Answer: 20") as server:
        themis("init", "--path", "mine", "--provider", "ollama")
        config = Path("mine/experiment.yaml")
        config.write_text(config.read_text().replace("http://localhost:11434/v1", server.openai_url))
        done = subprocess.run([sys.executable, "mine/run.py"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "completed: 3 of 3 cases\npens builtin/math_equivalence = 1\n" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--provider", "opnai"], "'opnai' is not one of 'openai', 'anthropic', 'vllm', 'ollama', 'demo'"),
        (["--model", "gpt-5.4"], "--model: needs --provider, one of openai, anthropic, vllm, ollama"),
        (["--provider", "demo", "--model", "gpt-5.4"], "--model: needs --provider, one of openai, anthropic, vllm"),
        (["--provider", "openai", "--model", " "], "--model: is empty"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(words: list[str], said: str, themis: Themis) -> None:
    done = themis("init", "--path", "mine", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert not Path("mine").exists()


def test_a_name_that_yaml_would_read_as_something_else_stays_a_name(themis: Themis) -> None:
    for number, name in enumerate(("1.5", "true", "a: b", "'quoted'", "# no comment", "{x}")):
        themis("init", "--path", f"p{number}", "--provider", "openai", "--model", name)
        assert generator_in(Path(f"p{number}"))["with"]["model_id"] == name
