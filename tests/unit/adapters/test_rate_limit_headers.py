"""Rate limits in the headers of replies, in every dialect."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.model_server import Allowance, RateLimits
from tests.support.model_server.rate_limits import Style, Unit, retry_after
from themis.adapters.rate_limit_headers import duration_s, rate_limit, retry_after_s
from themis.core.values.bounds import MOST_DELAY_S

NOW_S = 1_800_000_000.0
LIMITS = RateLimits(
    requests=Allowance(limit=600, remaining=5, reset_s=360.0), tokens=Allowance(limit=90_000, remaining=0, reset_s=12.0)
)
REQUESTS = {"requests_limit": 600, "requests_remaining": 5, "requests_reset_s": 360}


@pytest.mark.parametrize("style", ["openai", "anthropic"])
def test_limits_of_requests_and_tokens_are_read(style: Style) -> None:
    found = rate_limit(LIMITS.headers(style, NOW_S), now_s=NOW_S)
    assert found == REQUESTS | {"tokens_limit": 90_000, "tokens_remaining": 0, "tokens_reset_s": 12}


@pytest.mark.parametrize("style", ["ietf", "ietf_fields", "epoch"])
def test_limits_without_a_kind_are_those_of_requests(style: Style) -> None:
    assert rate_limit(LIMITS.headers(style, NOW_S), now_s=NOW_S) == REQUESTS


@pytest.mark.parametrize(
    "header",
    [
        "limit=600, remaining=5, reset=360",
        "limit=600;remaining=5;reset=360",
        '"default";q=600;r=5;t=360',
        '"Default";  Q=600; R=5; T=360',
    ],
)
def test_the_field_of_the_ietf_is_read_in_each_draft(header: str) -> None:
    assert rate_limit({"ratelimit": header}, now_s=NOW_S) == REQUESTS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1.0),
        ("1.5s", 1.5),
        ("6m0s", 360.0),
        ("1h2m3s", 3_723.0),
        ("1d", 86_400.0),
        ("1m30s5ms", 90.005),
        ("59.961s", 59.961),
        ("30", 30.0),
        ("0", 0.0),
        ("-3", 0.0),
        (str(int(NOW_S) + 30), 30.0),
        (str(int(NOW_S) * 1_000 + 30_500), 30.5),
        (str(int(NOW_S) - 30), 0.0),
        ("2027-01-15T08:00:30Z", 30.0),
        ("2027-01-15T10:00:30+02:00", 30.0),
        ("2027-01-15T08:00:30.500Z", 30.5),
        ("2027-01-15T07:59:00Z", 0.0),
    ],
)
def test_a_reset_is_a_duration_seconds_or_a_time(text: str, seconds: float) -> None:
    found = rate_limit({"x-ratelimit-reset-requests": text}, now_s=NOW_S)
    assert found["requests_reset_s"] == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "1x", "s", "400000", "2027-13-45T00:00:00Z", "12ms1h"])
def test_a_reset_that_cannot_be_is_not_kept(text: str) -> None:
    assert rate_limit({"x-ratelimit-reset-requests": text}, now_s=NOW_S) == {}


@pytest.mark.parametrize(
    ("remaining", "reset", "kept"),
    [
        ("-1", "30", False),
        ("0", None, False),
        ("0", "0", False),
        ("0", "30", True),
        ("1", None, True),
        ("many", "30", False),
    ],
)
def test_a_remainder_says_nothing_when_it_is_negative_or_zero_without_a_reset(
    remaining: str, reset: str | None, *, kept: bool
) -> None:
    headers = {"x-ratelimit-remaining-tokens": remaining} | ({"x-ratelimit-reset-tokens": reset} if reset else {})
    assert ("tokens_remaining" in rate_limit(headers, now_s=NOW_S)) is kept


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "unlimited"])
def test_a_limit_that_allows_nothing_says_nothing(limit: str) -> None:
    assert rate_limit({"x-ratelimit-limit-requests": limit}) == {}


def test_a_reply_without_limits_has_none() -> None:
    assert rate_limit({"content-type": "application/json"}) == {}


def test_a_dialect_with_a_kind_is_not_mixed_with_the_field_of_the_ietf() -> None:
    headers = {"x-ratelimit-limit-requests": "600", "ratelimit": "limit=5, remaining=1, reset=1"}
    assert rate_limit(headers) == {"requests_limit": 600}


@pytest.mark.parametrize("unit", ["seconds", "milliseconds", "date"])
def test_a_retry_after_is_read_in_each_unit(unit: Unit) -> None:
    assert retry_after_s(retry_after(20.0, unit, NOW_S), now_s=NOW_S) == 20.0


def test_milliseconds_count_before_seconds() -> None:
    assert retry_after_s({"retry-after": "2", "retry-after-ms": "1500"}) == 1.5


def test_milliseconds_that_are_no_number_leave_the_seconds() -> None:
    assert retry_after_s({"retry-after": "2", "retry-after-ms": "soon"}) == 2.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("-5", 0.0),
        (formatdate(NOW_S - 60, usegmt=True), 0.0),
        ("later", None),
        ("", None),
        ("nan", None),
        (str(MOST_DELAY_S + 1), None),
        ("1800000030", None),
    ],
)
def test_a_retry_after_that_cannot_be_is_none(text: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": text}, now_s=NOW_S) == seconds


def test_a_reply_that_does_not_say_how_long_to_wait_says_none() -> None:
    assert retry_after_s({}) is None


@pytest.mark.parametrize("text", ["", " ", "5", "m", "1 m", "1m 2m"])
def test_what_has_no_unit_is_no_duration(text: str) -> None:
    assert duration_s(text) is None


@given(
    st.dictionaries(
        st.sampled_from(["x-ratelimit-reset-tokens", "retry-after", "ratelimit", "retry-after-ms"]), st.text()
    )
)
def test_no_header_is_too_strange(headers: dict[str, str]) -> None:
    found = [*rate_limit(headers).values(), retry_after_s(headers) or 0.0]
    assert all(value >= 0 for value in found)
