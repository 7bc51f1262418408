"""What a limit file holds, and what is done with content that is not one's own."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.limit_files import holder
from themis.core.shared_limits.document import LimitDocument, decode, encode
from themis.core.values.run_rules import OperatorRules

NAME = "openai:https://api.openai.com/v1"

_NO_COUNTS: list[Any] = [0, -3, True, 2.5, "24", 10**30, [1], {}]


def text(**words: Any) -> bytes:
    return json.dumps({"format": 1, "provider": NAME, "settings": {}, "holders": [], **words}).encode()


def test_it_is_read_as_it_was_written() -> None:
    for document in (
        LimitDocument(NAME),
        LimitDocument(NAME, OperatorRules(24, 600.0)),
        LimitDocument(
            NAME, OperatorRules(1), (holder(NAME), holder(NAME, pid=7, limit=None, most=None, why="not limited"))
        ),
    ):
        assert decode(encode(document), NAME) == document


def test_fields_of_a_later_version_are_kept() -> None:
    found = decode(text(quota={"next_s": 7}, settings={"max_concurrent": 3, "priority": 60}), NAME)
    again = json.loads(encode(found))
    assert (again["quota"], again["settings"]["priority"]) == ({"next_s": 7}, 60)
    assert not decode(text(quota={"next_s": 7}), NAME).is_empty


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"null", "not a limits file"),
        (b"[]", "not a limits file"),
        (b"{}", "not a limits file"),
        (text(format=2), r"a newer version of Themis wrote it \(format 2\)"),
        (text(format=True), "not a limits file"),
        (text(format="1"), "not a limits file"),
        (text(provider=None), "names no provider"),
        (text(provider="another"), "another provider"),
        (text(settings=[]), "another form"),
        (text(holders={}), "another form"),
        (text(settings={"requests_per_minute": 0}), "not a number a minute"),
        (text(settings={"tokens_per_minute": "many"}), "not a number a minute"),
        *((text(settings={"max_concurrent": calls}), "not a whole number from 1 to 1,000,000") for calls in _NO_COUNTS),
    ],
)
def test_what_is_not_a_limit_file_is_refused_in_a_few_words(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        decode(data, NAME)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    "facts",
    [
        {"pid": -1},
        {"pid": True},
        {"pid": 2**70},
        {"pid_started": "1"},
        {"at_ns": 1e30},
        {"limit": -1},
        {"limit": 2**60},
        {"in_flight": None},
        {"waiting": [1]},
        {"why": None},
        {"why": "x" * 1_000_000},
        {"host": 7},
    ],
    ids=str,
)
def test_a_report_that_is_not_valid_is_left_out_and_the_others_stay(facts: dict[str, Any]) -> None:
    good = json.loads(encode(LimitDocument(NAME, OperatorRules(), (holder(NAME),))))["holders"][0]
    bad: list[Any] = [{**good, **facts}, {name: good[name] for name in good if name != next(iter(facts))}, 7, None, []]
    assert decode(text(holders=[*bad, good]), NAME).holders == (holder(NAME),)


@pytest.mark.parametrize("is_full", [1, None, "yes"])
def test_a_report_says_only_plainly_that_a_provider_is_full(is_full: object) -> None:
    good = json.loads(encode(LimitDocument(NAME, OperatorRules(), (holder(NAME, is_full=True),))))["holders"][0]
    assert decode(text(holders=[{**good, "is_full": is_full}, good]), NAME).holders == (holder(NAME, is_full=True),)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
    max_leaves=8,
)


@given(st.fixed_dictionaries({"format": st.just(1), "provider": st.just(NAME)}), _ANYTHING, _ANYTHING)
@pytest.mark.not_smoke
def test_whatever_it_holds_is_limits_or_refused(words: dict[str, Any], settings: Any, holders: Any) -> None:
    data = json.dumps({**words, "settings": settings, "holders": holders}).encode()
    try:
        found = decode(data, NAME)
    except ValueError:
        return
    assert decode(encode(found), NAME) == found
