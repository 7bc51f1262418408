"""Short names of models become what a config file would say."""

from typing import Any

import pytest

from themis.adapters.model_names import PROVIDERS, ModelOptions, generator_of
from themis.core.builtins import BUILTINS, GENERATORS
from themis.core.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("name", "use", "arguments"),
    [
        ("openai/gpt-5.4-mini", "openai", {"model_id": "gpt-5.4-mini"}),
        ("openai/ft:gpt-5.4:acme::1", "openai", {"model_id": "ft:gpt-5.4:acme::1"}),
        ("anthropic/claude-sonnet-5", "anthropic", {"model_id": "claude-sonnet-5"}),
        ("vllm/Qwen/Qwen3-8B", "vllm", {"model_id": "Qwen/Qwen3-8B", "base_url": "http://localhost:8000/v1"}),
        (
            "ollama/gemma3:270m",
            "openai",
            {"model_id": "gemma3:270m", "base_url": "http://localhost:11434/v1", "api_mode": "chat_completions"},
        ),
        ("litellm/groq/llama-3.3-70b", "litellm", {"model_id": "groq/llama-3.3-70b"}),
        ("builtin/demo_generator", "builtin/demo_generator", {}),
        ("builtin/callable", "builtin/callable", {}),
        ("mylab.models:Local", "mylab.models:Local", {}),
    ],
)
def test_a_name_is_a_provider_and_its_model_or_a_component(name: str, use: str, arguments: dict[str, str]) -> None:
    assert generator_of(name) == {"use": use, "with": arguments}


def test_what_is_said_beside_the_name_goes_to_the_provider() -> None:
    options = ModelOptions({"temperature": 0.2}, "http://gpu7:9000/v1", "env:MY_KEY")
    assert generator_of("vllm/q", options)["with"] == {
        "model_id": "q",
        "base_url": "http://gpu7:9000/v1",
        "api_key": "env:MY_KEY",
        "params": {"temperature": 0.2},
    }


def test_a_component_gets_the_parameters_as_its_arguments() -> None:
    options = ModelOptions({"path": "answers.jsonl"})
    found = generator_of("builtin/replay_generator", options)
    assert found == {"use": "builtin/replay_generator", "with": {"path": "answers.jsonl"}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opnai/gpt-5.4", "--model: no model 'opnai/gpt-5.4'; did you mean \"openai/gpt-5.4\"?"),
        ("antropic/claude-sonnet-5", 'did you mean "anthropic/claude-sonnet-5"?'),
        ("builtin/demo_generater", 'did you mean "builtin/demo_generator"?'),
        ("gpt-5.4", "write openai/MODEL, anthropic/MODEL, vllm/MODEL, ollama/MODEL, litellm/MODEL, the id of a"),
        ("openai", "'openai' names no model: write openai/MODEL"),
        ("generator/openai", "'generator/openai' names no model: write openai/MODEL"),
        ("vllm/", "'vllm/' names no model: write vllm/MODEL"),
        ("ollama/ ", "names no model"),
        ("", "no model ''"),
    ],
)
def test_a_name_that_is_none_gets_the_nearest_one(name: str, said: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        generator_of(name)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("options", "option"), [({"base_url": "http://x"}, "--base-url"), ({"api_key": "env:K"}, "--api-key")]
)
def test_a_component_has_no_address_and_no_key(options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{option}: is for the model of a provider"):
        generator_of("builtin/demo_generator", ModelOptions(**options))


def test_each_provider_is_asked_by_a_generator_that_is_there() -> None:
    assert {provider.use for provider in PROVIDERS.values()} <= {*BUILTINS, *GENERATORS}
