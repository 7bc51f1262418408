"""`themis init` for a provider writes an experiment that asks its model, and says what comes next."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import ModelServer
from themis.adapters.model_names import PROVIDERS
from themis.cli.begin.starting_files import STARTS
from themis.cli.init import PROVIDERS as OFFERED

Themis = Any
"""The fixture's class: see conftest."""

ANSWERS = {"pens": 20, "train": 75, "eggs": 31}
"""Two of the three sample problems are answered rightly."""


def generator_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "experiment.yaml").read_text())["generation"]["generator"]
    return found


def test_the_providers_that_are_offered_are_known() -> None:
    assert list(OFFERED) == list(STARTS)
    assert set(OFFERED) <= set(PROVIDERS)


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
        "Next:\n"
        "  export OPENAI_API_KEY=…\n"
        "  themis model check --config 'my own/experiment.yaml'\n"
        "  themis run --config 'my own/experiment.yaml'\n"
    )
    assert "  ollama pull gemma3:270m\n" in themis("init", "--path", "o", "--provider", "ollama").err
    assert "  vllm serve Qwen/Qwen3-0.6B\n" in themis("init", "--path", "v", "--provider", "vllm").err
    assert themis("init", "--path", "none").err == ""


def test_the_steps_that_are_printed_work(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-step-0123456789abcdef0123")
    steps = themis("init", "--path", "mine", "--provider", "openai").err.splitlines()[2:]
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
        (["--provider", "opnai"], "'opnai' is not one of 'openai', 'anthropic', 'vllm', 'ollama'"),
        (["--model", "gpt-5.4"], "--model: needs --provider, one of openai, anthropic, vllm, ollama"),
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
