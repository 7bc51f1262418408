"""What a call is charged for, by its answer or its failure."""

from typing import Any

import pytest

from themis.core.cost.spend import Fate
from themis.core.cost.tokens import Tokens
from themis.core.engine.spending.charges import Charge, charge_of_answer, charge_of_failure, tier_of
from themis.core.errors import BadResponseError, CallTimeoutError, ProviderReply, ProviderUnreachableError
from themis.core.models import GenerationResult


class SaidError(Exception):
    def __init__(self, **said: Any) -> None:
        super().__init__(*said.values())
        for name, value in said.items():
            setattr(self, name, value)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429, 500, 501, 503, 529])
def test_a_reply_with_an_error_is_not_charged_for(status: int) -> None:
    assert charge_of_failure(SaidError(status_code=status)) is None


@pytest.mark.parametrize(
    "error",
    [
        *(SaidError(status_code=status) for status in (200, 408, 499, 502, 504, 524)),
        TimeoutError(),
        ConnectionResetError(),
        CallTimeoutError(seconds=1.0, key="request_timeout_s"),
        BadResponseError(provider="p", detail="no", reply=ProviderReply(status_code=200)),
        KeyError("choices"),
        None,
    ],
    ids=repr,
)
def test_a_call_that_was_cut_off_may_have_been(error: Exception | None) -> None:
    assert charge_of_failure(error) == Charge(Fate.UNKNOWN, None)


def test_what_has_not_reached_the_provider_is_not_charged_for() -> None:
    error = ProviderUnreachableError(provider="p", what="nobody listens", detail="no", mend="x", reply=ProviderReply())
    assert charge_of_failure(error) is None


def test_a_failure_that_counts_its_tokens_is_charged_for_them() -> None:
    reply = ProviderReply(status_code=200, token_usage={"prompt_tokens": 3, "completion_tokens": 4})
    error = BadResponseError(provider="p", detail="no", reply=reply)
    assert charge_of_failure(error) == Charge(Fate.FAILED, Tokens(input=3, output=4))


def test_an_answer_is_charged_for_what_it_counts() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    answer = GenerationResult(
        candidate_id="c",
        final_output="x",
        token_usage=usage,
        served_model="m-1",
        artifacts={"raw_response": {"service_tier": "flex"}},
    )
    assert charge_of_answer(answer) == Charge(Fate.ANSWERED, Tokens(input=3, output=4), "m-1", "flex")
    silent = answer.model_copy(update={"token_usage": None})
    assert charge_of_answer(silent) == Charge(Fate.UNKNOWN, None, "m-1", "flex")
    assert charge_of_answer("not a result") == Charge(Fate.UNKNOWN, None)


@pytest.mark.parametrize(
    ("artifacts", "tier"),
    [
        ({"service_tier": "batch", "raw_response": {"service_tier": "default"}}, "batch"),
        ({"raw_response": {"service_tier": "priority"}}, "priority"),
        ({"raw_response": {"usage": {"service_tier": "batch"}}}, "batch"),
        ({"raw_response": {"service_tier": "default"}}, ""),
        ({"raw_response": {"usage": {"service_tier": "standard"}}}, ""),
        ({"raw_response": {"service_tier": 7}}, ""),
        ({"raw_response": "text"}, ""),
        (None, ""),
        ({"service_tier": "x" * 1_000}, "x" * 64),
    ],
)
def test_the_tier_is_what_the_answer_says(artifacts: Any, tier: str) -> None:
    assert tier_of(artifacts) == tier
