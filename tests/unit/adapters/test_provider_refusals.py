"""What no further question can mend stops the run: a parameter that a model refuses, and failures in a row."""

import asyncio
from typing import Any

import pytest

from tests.support.asked_models import DIALECTS, VARIANTS, Asked, ScriptedModels, Variant
from tests.support.model_server import Failure
from tests.support.model_server import failures as failing
from themis.core.errors import ProviderOutageError, RunStoppedError

WHOLE = [variant for variant in VARIANTS if not variant.stream]
STEPPED = {"breaker": {"failures": 5}, "generation_retry_attempts": 3}


def ask(models: ScriptedModels, variant: Variant, *steps: Any, **settings: Any) -> Asked:
    return asyncio.run(models.ask(variant, {"q": steps}, runtime=STEPPED, **settings))["q"]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_parameter_that_the_model_refuses_ends_the_run_with_the_line_to_change(
    models: ScriptedModels, variant: Variant
) -> None:
    before = len(models.server.questions)
    with pytest.raises(RunStoppedError, match=r"generation\.generator\.with\.params\.temperature") as raised:
        ask(models, variant, failing.refusing("temperature"), params={"temperature": 0.2})
    assert "list 'temperature' in drop_params" in str(raised.value)
    assert len(models.server.questions) == before + 1


@pytest.mark.parametrize("variant", WHOLE, ids=str)
def test_a_parameter_that_is_dropped_is_not_sent_and_that_is_recorded(models: ScriptedModels, variant: Variant) -> None:
    settings: dict[str, Any] = {"params": {"temperature": 0.2}, "drop_params": ["temperature"]}
    found = ask(models, variant, failing.refusing("temperature"), **settings)
    assert found.candidate is not None
    assert (found.candidate.artifacts or {})["not_sent"] == ["temperature"]
    assert "temperature" not in found.requests[0].data


@pytest.mark.parametrize(
    ("dialect", "sent", "written", "value"),
    [
        ("responses", "max_output_tokens", "max_tokens", 64),
        ("responses", "reasoning", "reasoning_effort", "low"),
        ("messages", "stop_sequences", "stop", "end"),
        ("messages", "output_config", "reasoning_effort", "low"),
    ],
)
def test_a_parameter_is_named_as_the_config_has_it_though_it_is_sent_under_another_name(
    models: ScriptedModels, dialect: str, sent: str, written: str, value: Any
) -> None:
    with pytest.raises(RunStoppedError, match=rf"with\.params\.{written}:"):
        ask(models, Variant(dialect), failing.refusing(sent), params={written: value})


@pytest.mark.parametrize("variant", WHOLE, ids=str)
def test_a_parameter_of_the_extra_body_is_named_as_such(models: ScriptedModels, variant: Variant) -> None:
    with pytest.raises(RunStoppedError, match=r"generation\.generator\.with\.extra_body"):
        ask(models, variant, failing.refusing("top_k", failing.unknown_parameter), extra_body={"top_k": 5})


@pytest.mark.few(4)
@pytest.mark.parametrize(
    "failure", [failing.unauthorized(), failing.model_not_found(), Failure(400, "No.")], ids=["401", "404", "400"]
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_failures_in_a_row_that_will_repeat_stop_the_run(
    models: ScriptedModels, dialect: str, failure: Failure
) -> None:
    before = len(models.server.questions)
    script = {f"q{number}": [failure] for number in range(200)}
    runtime = {**STEPPED, "adaptive": {}}
    with pytest.raises(ProviderOutageError, match="the run stopped after 5 failures in a row") as raised:
        asyncio.run(models.ask(Variant(dialect), script, runtime=runtime))
    assert failure.message in str(raised.value)
    assert 5 <= len(models.server.questions) - before <= 100
