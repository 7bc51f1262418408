"""A value that was resolved is replaced in whatever form it is written, and nothing else is."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from themis.core.configuration.secrets import resolve_references
from themis.core.engine.retry_policy import attempt_record, message_of
from themis.core.errors import ConfigError
from themis.core.models import GenerationResult
from themis.core.outcomes import codec
from themis.core.text import masking

KEY = 'sk-a/b+c"d é-Q7w9Zr4Tn8Xc2Vb6Mk0'
FORMS = {
    "plain": KEY,
    "quoted": quote(KEY),
    "quoted whole": quote(KEY, safe=""),
    "plus": quote_plus(KEY),
    "json": json.dumps(KEY),
    "json with letters": json.dumps(KEY, ensure_ascii=False),
    "repr": repr(KEY),
    "hex": KEY.encode().hex(),
    "two lines": f"{KEY}a\n{KEY}",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_found_in_each_form(form: str) -> None:
    masking.register("KEY", KEY, is_key=True)
    shown = masking.mask(f"before {FORMS[form]} after")
    assert "[secret KEY]" in shown
    assert "Q7w9" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
def test_a_value_is_found_in_base64_wherever_it_stands(before: str) -> None:
    masking.register("KEY", KEY, is_key=True)
    text = base64.b64encode(f"{before}{KEY}, and more".encode()).decode()
    assert "[secret KEY]" in masking.mask(text)


@pytest.mark.parametrize("cut", [16, 20, 25])
def test_a_piece_of_a_long_key_is_found_and_of_another_value_it_is_not(cut: int) -> None:
    key = "sk-Q7w9Zr4Tn8Xc2Vb6Mk0Lp3Hd5"
    masking.register("KEY", key, is_key=True)
    masking.register("MODEL", "meta-llama-3-70b-instruct-x", is_key=False)
    assert masking.mask(f"{key[:cut]}... and ...{key[-cut:]}") == "[secret KEY]... and ...[secret KEY]"
    assert masking.mask("meta-llama-3-70b") == "meta-llama-3-70b"


def test_lines_of_a_key_the_password_of_a_url_and_texts_of_a_credential_are_secrets_too() -> None:
    masking.register("PEM", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n", is_key=True)
    masking.register("DB", "postgresql://me:correct-horse@host/db", is_key=True)
    masking.register("JSON", json.dumps({"type": "x", "private_key": "one-two-three-four\nfive"}), is_key=True)
    assert masking.mask("MIIEvQIBADANBgkqhkiG9w0B|correct-horse|one-two-three-four\nfive") == (
        "[secret PEM]|[secret DB]|[secret JSON]"
    )


def test_a_short_value_is_left_alone() -> None:
    masking.register("SHORT", "gpt-4", is_key=False)
    assert masking.is_idle()
    assert masking.mask("gpt-4") == "gpt-4"


@pytest.mark.parametrize("size", [1, 2, 7, 16, 17, 64])
def test_a_stream_hides_a_value_that_arrives_in_pieces(size: int) -> None:
    mask = masking.Mask()
    stream = masking.ByteMask(mask)
    assert stream.feed(b"\xff nothing is known yet: sk-Q") == b"\xff nothing is known yet: sk-Q"
    mask.add("KEY", "sk-Q7w9Zr4Tn8Xc2Vb6Mk0Lp3Hd5sk", is_key=True)  # which ends as it begins
    data = b"a sk- \xff sk-Q7w9Zr4Tn8Xc2Vb6Mk0Lp3Hd5sk!sk-Q7w9Zr4Tn8Xc2Vb6Mk0Lp3Hd5sk sk-Q7w"
    out = b"".join(stream.feed(data[place : place + size]) for place in range(0, len(data), size))
    assert out + stream.rest() == b"a sk- \xff [secret KEY]![secret KEY] sk-Q7w"


def test_an_outcome_stays_json_whatever_stands_in_it() -> None:
    masking.register("PIN", "1234567890", is_key=True)
    made = GenerationResult(
        candidate_id="1234567890",
        final_output={"1234567890": [1234567890, "=1234567890"]},
        token_usage={"n": 1234567890},
    )
    (outcome,) = codec.without_secrets([codec.generated(0, 0, made, None)])
    kept = codec.to_generation(outcome)
    assert kept.candidate_id == "[secret PIN]"
    assert kept.final_output == {"[secret PIN]": [1234567890, "=[secret PIN]"]}  # a number is not a text
    assert kept.token_usage == {"n": 1234567890}


def test_outcomes_without_secrets_are_the_same_object() -> None:
    outcomes = [codec.generated(0, 0, GenerationResult(candidate_id="c", final_output="x"), None)]
    assert codec.without_secrets(outcomes) is outcomes
    masking.register("KEY", KEY, is_key=True)
    assert codec.without_secrets(outcomes) is outcomes


def test_what_is_raised_to_the_caller_shows_no_secret() -> None:
    resolve_references("${KEY}", where="here", environ={"KEY": KEY})
    error = ConfigError(where="here", detail=f"cannot be made: {KEY}")
    assert str(error) == "here: cannot be made: [secret KEY]"
    assert error.facts["detail"] == "cannot be made: [secret KEY]"


def test_what_an_error_says_shows_no_secret_to_a_job_or_a_subscriber_either() -> None:
    masking.register("KEY", KEY, is_key=True)
    assert message_of(RuntimeError(f"401 for {KEY}")) == "401 for [secret KEY]"
    assert attempt_record(RuntimeError(KEY), 1, 0.0)["message"] == "[secret KEY]"
