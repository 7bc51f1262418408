"""Chat templates of completion endpoints: named by the user, never guessed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_server import ModelServer
from themis.cli.main import main
from themis.core.errors import ConfigError, PromptError
from themis.core.experiment import Experiment
from themis.core.models import Case
from themis.core.prompt_config import PromptConfig
from themis.core.prompting.few_shot import prepared
from themis.core.prompting.rendering import Prompter

CASE = Case(case_id="c", input="  Why? ")
CONVERSATION = Case(
    case_id="t",
    input=[
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Why?"},
    ],
)


def rendered(case: Case, **prompt: Any) -> Any:
    return Prompter(prepared(PromptConfig.model_validate(prompt))).rendered(case)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "chatml",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n  Why? <|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "llama3",
            (
                "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n"
            ),
        ),
        ("gemma", "<start_of_turn>user\nBe brief.\n\nWhy?<end_of_turn>\n<start_of_turn>model\n"),
    ],
)
def test_a_named_template_writes_the_turns_as_its_models_know_them(name: str, expected: str) -> None:
    assert rendered(CASE, system="Be brief.", chat_template=name) == expected


def test_the_turns_of_an_input_are_taken_as_they_are() -> None:
    assert rendered(CONVERSATION, chat_template="gemma") == (
        "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello<end_of_turn>\n"
        "<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n"
    )
    assert rendered(CONVERSATION, system="Be brief.") == [
        {"role": "system", "content": "Be brief."},
        *CONVERSATION.input,  # type: ignore[misc]  # a list
    ]


def test_a_file_may_use_what_published_templates_use(tmp_path: Path) -> None:
    path = tmp_path / "chat.jinja"
    path.write_text(
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% else %}{% set loop_messages = messages %}{% endif %}"
        "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "[{{ message['role'] }}] {{ message['content'] | trim }}{{ eos_token if loop.last else '' }}\n{% endfor %}"
        "{% if add_generation_prompt %}[answer]{% endif %}\n"
    )
    use = {"use": str(path), "with": {"bos_token": "<s>", "eos_token": "</s>"}}
    assert rendered(CASE, system="x", chat_template=use) == "<s>[user] Why?</s>\n[answer]"
    with pytest.raises(PromptError, match=r"chat_template.*: 'bos_token' is undefined"):
        rendered(CASE, chat_template=str(path))
    twice = Case(case_id="c", input=[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
    with pytest.raises(PromptError, match="roles must alternate"):
        rendered(twice, chat_template=use)


@pytest.mark.parametrize(
    ("template", "case", "reason"),
    [
        ("chatlm", CASE, r"there is no template 'chatlm'; did you mean \"chatml\"\? There are chatml, gemma, llama3"),
        ("./nothing.jinja", CASE, "nothing.jinja cannot be read"),
        ("gemma", Case(case_id="c", input=[{"role": "tool", "content": "x"}]), "gemma has no role tool"),
        (
            "chatml",
            Case(case_id="c", input=[{"role": "assistant", "content": "x"}]),
            "the last turn is the model's own",
        ),
        ("chatml", Case(case_id="c", input=[{"role": "user", "content": [1]}]), "it takes texts"),
    ],
)
def test_what_cannot_be_written_is_said(template: str, case: Case, reason: str) -> None:
    with pytest.raises(PromptError, match=reason):
        rendered(case, chat_template=template)


def test_a_template_cannot_reach_python_or_loop_without_end(tmp_path: Path) -> None:
    path = tmp_path / "chat.jinja"
    for source, reason in [
        ("{{ messages.__class__.__mro__ }}", "unsafe|undefined"),
        ("{{ namespace.__init__.__globals__ }}", "unsafe|undefined"),
        ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "rounds"),
    ]:
        path.write_text(source)
        with pytest.raises(PromptError, match=reason):
            rendered(CASE, chat_template=str(path))


def written(folder: Path, url: str, mode: str, prompt: dict[str, Any] | None, **case: Any) -> Path:
    generator = {"use": "openai", "with": {"model_id": "m", "base_url": url, "api_key": "none", "api_mode": mode}}
    document = {
        "generation": {"generator": generator} | ({} if prompt is None else {"prompt": prompt}),
        "evaluation": {"metrics": []},
        "storage": {"store": "memory"},
        "datasets": [{"dataset_id": "d", "cases": [{"case_id": "c", "input": "Why?", **case}]}],
    }
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_completion_endpoint_receives_the_text_that_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ModelServer() as server:
        config = written(tmp_path, server.openai_url, "completions", {"system": "Be brief.", "chat_template": "llama3"})
        assert main(["prompt", "show", "--config", str(config), "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert Experiment.from_config(config).run().status.value == "completed"
        assert [request.data for request in server.requests] == [shown["request"]]
    assert shown["request"]["prompt"].startswith("<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>")


def test_turns_without_a_chat_template_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with ModelServer() as server:
        url = server.openai_url
        with pytest.raises(ConfigError, match=r"a completion endpoint takes one text.*name the model's own"):
            Experiment.from_config(written(tmp_path, url, "completions", {"system": "Be brief."})).run()
        with pytest.raises(ConfigError, match=r"`chat_template` is for a generator that completes a text"):
            Experiment.from_config(written(tmp_path, url, "chat_completions", {"chat_template": "chatml"})).run()
        turns = [{"role": "user", "content": "Why?"}]
        result = Experiment.from_config(written(tmp_path, url, "completions", None, input=turns)).run()
        (failure,) = result.cases[0].generation_failures.values()
        assert "a completion endpoint takes one text: name the model's own chat template" in str(failure)
        assert not server.requests
        assert Experiment.from_config(written(tmp_path, url, "completions", None)).run().status.value == "completed"
        assert [request.data["prompt"] for request in server.requests] == ["Why?"], "a plain text is sent as it is"


def test_a_chat_template_decides_the_run_and_its_file_is_needed_no_more(tmp_path: Path) -> None:
    path = tmp_path / "chat.jinja"
    path.write_text("{{ messages[0].content }}")
    config = written(tmp_path, "http://127.0.0.1:9/v1", "completions", {"chat_template": "chat.jinja"})
    before = Experiment.from_config(config).compile()
    path.write_text("{{ messages[0].content }}!")
    assert Experiment.from_config(config).compile().run_id != before.run_id
    assert before.identity.prompt is not None
    assert before.identity.prompt.chat_template == "{{ messages[0].content }}"
