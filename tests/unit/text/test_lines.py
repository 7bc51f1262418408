"""A message is cut by one rule: counted in bytes, between two characters, and it says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.text.lines import MESSAGE_BYTES, cut, storable


def test_a_short_message_stays_as_it_is() -> None:
    for text in ("", "no answer", "x" * MESSAGE_BYTES, "é" * (MESSAGE_BYTES // 2)):
        assert cut(text) == text


@pytest.mark.parametrize("sign", ["x", "é", "漢", "🦉"])
def test_a_long_message_is_cut_between_two_characters_and_says_so(sign: str) -> None:
    text = sign * 1_000_000
    found = cut(text)
    size = len(text.encode())
    assert MESSAGE_BYTES - 3 <= len(found.encode()) <= MESSAGE_BYTES
    assert found.endswith(f" … (cut: it has {size:,} bytes)")
    assert set(found.partition(" … ")[0]) == {sign}


def test_what_utf_8_cannot_carry_is_escaped() -> None:
    assert cut("half a pair: \ud800") == "half a pair: \\ud800"


@given(st.text(), st.integers(40, 200))
def test_no_message_is_longer_than_its_limit(text: str, most_bytes: int) -> None:
    found = cut(text * 3, most_bytes)
    assert len(found.encode()) <= most_bytes
    assert cut(found, most_bytes) == found


def test_a_nul_is_escaped_as_databases_refuse_it() -> None:
    assert storable("a\0b \ud800 é\n") == "a\\x00b \\ud800 é\n"
    assert cut("a\0b") == "a\\x00b"
    assert len(cut("\0" * 4_000).encode()) <= MESSAGE_BYTES
