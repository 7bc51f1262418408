"""A provider's name is shown and stored; a key in it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.configuration.provider_names import MOST_CHARACTERS, public_name
from themis.core.text import masking

KEY = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai:https://api.openai.com/v1", "openai:https://api.openai.com/v1"),
        ("langgraph:agent", "langgraph:agent"),
        ("openai:https://ann:hunter2pass@gw.example/v1", "openai:https://***@gw.example/v1"),
        (f"openai:https://{KEY}@gw.example/v1", "openai:https://***@gw.example/v1"),
        (f"openai:https://gw.example/v1?tenant=a&api_key={KEY}", "openai:https://gw.example/v1?***"),
        ("openai:https://gw.example/v1?abcdef0123456789", "openai:https://gw.example/v1?***"),
        (f"openai:https://gw.example/{KEY}/v1", "openai:https://gw.example/***/v1"),
        ("openai:https://gw.example/\x1b[2J\nv1", "openai:https://gw.example/\N{REPLACEMENT CHARACTER}[2J v1"),
    ],
)
def test_the_name_has_no_key_wherever_it_was_written(provider: str, name: str) -> None:
    assert public_name(provider) == name


def test_a_secret_that_was_resolved_is_named_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_known", masking.Mask())
    masking.register("GATEWAY", "team-blue-4711", is_key=False)
    assert public_name("openai:https://gw.example/team-blue-4711") == "openai:https://gw.example/[secret GATEWAY]"


@given(st.text() | st.from_regex(r"[a-z]{1,8}:https?://[^ ]{0,30}@?[a-z.]{1,10}/[^ ]{0,40}", fullmatch=True))
@pytest.mark.not_smoke
def test_the_name_of_a_name_is_the_same_so_that_people_may_write_what_they_see(provider: str) -> None:
    name = public_name(provider)
    assert public_name(name) == name
    assert len(name) <= MOST_CHARACTERS
    assert name.isprintable()
