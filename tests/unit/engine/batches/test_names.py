"""Names of the questions of a batch."""

import re

import pytest

from themis.core.engine.batches.names import custom_id, place_of

NONCE = "03ccdcb3a2715b21"


@pytest.mark.parametrize(("case_no", "item"), [(0, 0), (41, 7), (2**53, 10**6)])
def test_a_name_says_which_candidate_of_which_case_it_asks_for(case_no: int, item: int) -> None:
    name = custom_id(NONCE, case_no, item)
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,64}", name)
    assert place_of(name, NONCE) == (case_no, item)
    assert place_of(name, "another") is None


@pytest.mark.parametrize(
    "name", ["", NONCE, f"{NONCE}-1", f"{NONCE}-1-2-3", f"{NONCE}-x-1", f"{NONCE}--1-1", f"{NONCE}-²-1"]
)
def test_a_name_of_another_form_is_no_place(name: str) -> None:
    assert place_of(name, NONCE) is None
