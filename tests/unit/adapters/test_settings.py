"""Arguments of generators, checked."""

from typing import Any

import pytest

from themis.adapters.settings import NO_KEY, check_key, mask_secrets, settings_of
from themis.core.errors import ComponentError
from themis.core.text import masking


def settings(model_id: Any = "m", **given: Any) -> Any:
    return settings_of("generator/openai", model_id, given)


def build(case: Any) -> str:
    return str(case.input)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model_id": ""}, "model_id must be the name of a model"),
        ({"model_id": None}, "model_id must be the name of a model"),
        ({"parms": {}}, "has no argument 'parms'; did you mean \"params\"?"),
        ({"temperature": 0}, "has no argument 'temperature'"),
        ({"params": ["temperature"]}, "params must map names to values"),
        ({"params": {1: 2}}, "params must map names to values"),
        ({"params": {"temperature": float("nan")}}, "params.temperature"),
        ({"extra_body": {"a": {"b": object()}}}, "extra_body.a.b"),
        ({"extra_headers": {"x": 1}}, "extra_headers must map names to texts"),
        ({"drop_params": "temperature"}, "drop_params must be a list of names"),
        ({"drop_params": [1]}, "drop_params must be a list of names"),
        ({"timeout_s": 0}, "timeout_s must be a number of seconds above 0"),
        ({"timeout_s": True}, "timeout_s must be a number of seconds above 0"),
        ({"timeout_s": float("inf")}, "timeout_s must be a number of seconds above 0"),
        ({"timeout_s": "60"}, "timeout_s must be a number of seconds above 0"),
        ({"input_builder": "mylab:build"}, "input_builder must be a function"),
    ],
)
def test_an_argument_that_cannot_be_is_one_clear_line(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ComponentError) as raised:
        settings(**{"model_id": "m", **given})
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_not_given_has_its_default() -> None:
    found = settings(params=None, drop_params=["seed"], timeout_s=5)
    assert (found.params, found.drop_params, found.timeout_s, found.stream) == ({}, ("seed",), 5, False)


def test_what_decides_an_answer_is_identity_and_what_is_not_set_is_not() -> None:
    assert settings().identity() == {"model_id": "m"}
    said = {
        "instructions": "Be brief.",
        "params": {"temperature": 0},
        "extra_body": {"top_k": 1},
        "drop_params": ["b", "a"],
        "input_builder": build,
        "extra_headers": {"x-team": "evals"},
    }
    assert settings(**said, stream=True, timeout_s=5).identity() == {
        "model_id": "m",
        "instructions": "Be brief.",
        "params": {"temperature": 0},
        "extra_body": {"top_k": 1},
        "drop_params": ["a", "b"],
        "input_builder": f"{__name__}:build",
        "extra_headers": ["x-team"],
    }


def test_a_key_and_the_headers_that_hold_one_are_masked() -> None:
    mask_secrets("key-of-the-lab-1", {"Authorization": "Bearer token-of-the-lab", "x-team": "evaluation-team"})
    said = masking.mask("key-of-the-lab-1, token-of-the-lab, Bearer token-of-the-lab, evaluation-team")
    assert "lab" not in said
    assert "evaluation-team" in said


def test_the_key_of_a_server_that_wants_none_is_an_ordinary_word() -> None:
    for key in (None, "", NO_KEY):
        mask_secrets(key, {})
    assert masking.is_idle()


@pytest.mark.parametrize(("key", "words"), [("", "is empty"), (" \n", "is empty"), ("k\n", "a blank or a line break")])
def test_a_key_that_can_be_none_is_refused_before_it_is_sent(key: str, words: str) -> None:
    with pytest.raises(ComponentError, match=words):
        check_key("generator/openai", key)


@pytest.mark.parametrize("key", [None, NO_KEY, "key of the lab"])
def test_any_other_key_may_be_one(key: str | None) -> None:
    refused = []
    try:
        check_key("generator/openai", key)
    except ComponentError as error:
        refused.append(error)
    assert refused == []
