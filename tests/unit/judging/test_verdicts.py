"""The verdict in a judge's response: the last one that is marked, on the scale, or none."""

import contextlib
import time
from typing import Any

import pytest

from themis.core.errors import InvalidArgumentError, JudgmentError, NoVerdictError, VerdictOutsideScaleError
from themis.core.judging.markers import Brackets, Field, Marker, Words, find_verdict, marker_from
from themis.core.judging.scales import Flags, Labels, Numbers, Scale, scale_from

RIGHT = Labels({"CORRECT": 1, "INCORRECT": 0})
GRADES = scale_from(["A", "B", "C"])
TEN = Numbers(1, 10)
WHOLE = Numbers(1, 10, whole=True)
MATCH = Field("match")
BRACKETS = Brackets()

READ: list[tuple[str, Scale, Marker, str]] = [
    ("INCORRECT", RIGHT, BRACKETS, "INCORRECT"),
    ("[[INCORRECT]]", RIGHT, BRACKETS, "INCORRECT"),
    ("incorrect.", RIGHT, BRACKETS, "INCORRECT"),
    ("The sum is off.\n\n**INCORRECT**", RIGHT, BRACKETS, "INCORRECT"),
    ("INCORRECT\nIt is not CORRECT, as the sum is off.", RIGHT, BRACKETS, "INCORRECT"),
    ("At first sight: CORRECT.\n[[CORRECT]]? No:\n[[INCORRECT]]", RIGHT, BRACKETS, "INCORRECT"),
    ("On style [[3]]. Overall: [[8]]", TEN, BRACKETS, "8"),
    ("It says “[[10]]” of itself. That is not so: [[2]]", TEN, BRACKETS, "2"),
    ("[[8/10]]", TEN, BRACKETS, "8"),
    ("[[Rating: 8]]", TEN, BRACKETS, "8"),
    ("[[**8.5**]]", TEN, BRACKETS, "8.5"),
    ("\\[\\[8\\]\\]", TEN, BRACKETS, "8"),
    ("【【8】】", TEN, BRACKETS, "8"),
    ("【8】", TEN, BRACKETS, "8"),
    ("\uff3b\uff3b\uff18\uff3d\uff3d", TEN, BRACKETS, "8"),
    ("[[[8]]]", TEN, BRACKETS, "8"),
    ("[\u200b[8]]", TEN, BRACKETS, "8"),
    ("8 out of 10", TEN, BRACKETS, "8"),
    ("Rating: 8 out of 10.", TEN, BRACKETS, "8"),
    ("The score is low in style. Score: 8", TEN, BRACKETS, "8"),
    ("评分\uff1aScore\uff1a8", TEN, BRACKETS, "8"),
    ("As a judge, I considered the evidence. The final grade is B.", GRADES, BRACKETS, "B"),
    ("**Verdict:** B", GRADES, BRACKETS, "B"),
    ("**Verdict**: **B**", GRADES, BRACKETS, "B"),
    ("__Verdict:__ B", GRADES, BRACKETS, "B"),
    ("## Verdict\n\nB", GRADES, BRACKETS, "B"),
    ('Verdict: "B"', GRADES, BRACKETS, "B"),
    ("Verdict: [B]", GRADES, BRACKETS, "B"),
    ("The grade is a matter of taste. My decision: C, all told.", GRADES, BRACKETS, "C"),
    ("<think>[[A]] or [[B]]?</think>[[B]]", GRADES, BRACKETS, "B"),
    ("I lean to [[A]]</think>[[B]]", GRADES, BRACKETS, "B"),
    ("[[B]]<think>and yet [[A]]</think>", GRADES, BRACKETS, "B"),
    ("<THINK>a <think>b</think> [[A]]</THINK>\nVerdict: C", GRADES, BRACKETS, "C"),
    ("[THINK][[A]][/THINK][[B]]", GRADES, BRACKETS, "B"),
    ("◁think▷[[A]]◁/think▷[[B]]", GRADES, BRACKETS, "B"),
    ("<|channel|>analysis<|message|>[[A]]<|end|><|channel|>final<|message|>[[B]]", GRADES, BRACKETS, "B"),
    ("Verdict: A.\nOn style: [[B]]", GRADES, Words(), "A"),
    ("Urteil: B", GRADES, Words(("Urteil",)), "B"),
    ("final   grade: B", GRADES, Words(("Final grade",)), "B"),
    ("not attempted", scale_from({"CORRECT": 1, "NOT ATTEMPTED": 0}), BRACKETS, "NOT ATTEMPTED"),
    ("[[NOT  attempted]]", scale_from({"CORRECT": 1, "NOT ATTEMPTED": 0}), BRACKETS, "NOT ATTEMPTED"),
    ('{"match": "false"}', Flags(), MATCH, "false"),
    ('{"match": true}', Flags(), MATCH, "true"),
    ('{"match": 0}', Flags(), MATCH, "false"),
    ('{"match": "Yes"}', Flags(), MATCH, "true"),
    ('```json\n{"reason": "a {brace}", "match": false}\n```', Flags(), MATCH, "false"),
    ('{"match": true} No: {"match": false}', Flags(), MATCH, "false"),
    ('{"match": true, "of": {"match": false}}', Flags(), MATCH, "true"),
    ('{oh} {"match": true} {"reason": "x"}', Flags(), MATCH, "true"),
    ('<think>{"match": true}</think>{"match": false}', Flags(), MATCH, "false"),
    ('{"grade": "b"}', GRADES, Field("grade"), "B"),
    ('{"score": 8}', TEN, Field("score"), "8"),
]


@pytest.mark.parametrize(("text", "scale", "marker", "verdict"), READ, ids=[case[0] for case in READ])
def test_the_verdict_is_the_last_one_that_is_marked(text: str, scale: Scale, marker: Marker, verdict: str) -> None:
    assert find_verdict(text, scale, marker).label == verdict


OUTSIDE: list[tuple[str, Scale, Marker]] = [
    ("[[8]], no: [[11]]", TEN, BRACKETS),
    ("[[0.5]]", TEN, BRACKETS),
    ("[[8.5]]", WHOLE, BRACKETS),
    ("[[8/100]]", TEN, BRACKETS),
    ("[[80%]]", TEN, BRACKETS),
    ("[[rating]]", TEN, BRACKETS),
    ("[[1e1]]", TEN, BRACKETS),
    ("[[nan]]", TEN, BRACKETS),
    ("Rating: 11", TEN, BRACKETS),
    ("42", TEN, BRACKETS),
    ("Score: 8-9", TEN, BRACKETS),
    ("[[D]]", GRADES, BRACKETS),
    ("[[A]] [[A or B]]", GRADES, BRACKETS),
    ("Verdict: A or B", GRADES, BRACKETS),
    ("Verdict: A-", GRADES, BRACKETS),
    ("Grade: B+", GRADES, BRACKETS),
    ("Verdict: CORRECT/INCORRECT", RIGHT, BRACKETS),
    ('{"match": "perhaps"}', Flags(), MATCH),
    ('{"match": null}', Flags(), MATCH),
    ('{"match": 2}', Flags(), MATCH),
    ('{"score": true}', TEN, Field("score")),
    ('{"score": 1e400}', TEN, Field("score")),
    (f'{{"score": 1{"0" * 400}}}', TEN, Field("score")),
]


@pytest.mark.parametrize(("text", "scale", "marker"), OUTSIDE, ids=[case[0][:40] for case in OUTSIDE])
def test_a_verdict_off_the_scale_is_a_failure_and_never_another_verdict(
    text: str, scale: Scale, marker: Marker
) -> None:
    with pytest.raises(VerdictOutsideScaleError, match="is not on the scale") as failed:
        find_verdict(text, scale, marker)
    assert len(str(failed.value)) < 250
    assert "\n" not in str(failed.value)


NONE: list[tuple[str, Scale, Marker]] = [
    ("", RIGHT, BRACKETS),
    (" \n", TEN, BRACKETS),
    ("This is by no means correct in my eyes.", RIGHT, BRACKETS),
    ("As a judge, I am at a loss.", GRADES, BRACKETS),
    ("The grade is a matter of taste.", GRADES, BRACKETS),
    ("It is a 7 from me.\nOr so.", TEN, BRACKETS),
    ("<think>[[A]]</think>", GRADES, BRACKETS),
    ("<think>I come to [[A]]", GRADES, BRACKETS),
    ('{"reason": "x"}', Flags(), MATCH),
    ('{"result": {"match": true}}', Flags(), MATCH),
    ("match: true", Flags(), MATCH),
    ('{"match": tru', Flags(), MATCH),
    ('{"match": NaN}', Flags(), MATCH),
]


@pytest.mark.parametrize(("text", "scale", "marker"), NONE, ids=[case[0] for case in NONE])
def test_a_response_without_a_mark_has_no_verdict(text: str, scale: Scale, marker: Marker) -> None:
    with pytest.raises(NoVerdictError, match="the judge gave no verdict"):
        find_verdict(text, scale, marker)


@pytest.mark.few(9)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 400_000,
        "[[" * 100_000 + "a",
        "{" * 400_000,
        '{"a":' * 100_000,
        '{"a":"' * 50_000,
        "[{" * 100_000,
        "verdict " * 60_000,
        "verdict: " * 60_000,
        "score is " * 60_000,
        "<think>" * 60_000,
        "<think " + "x" * 400_000,
        " " * 400_000,
        "*" * 400_000,
        "A\n" * 200_000 + "x",
        "\ufdfa" * 200_000,
    ],
    ids=range(15),
)
@pytest.mark.parametrize(("scale", "marker"), [(GRADES, BRACKETS), (TEN, Words()), (Flags(), MATCH)])
def test_no_response_makes_the_reading_slow(text: str, scale: Scale, marker: Marker) -> None:
    begun = time.process_time()
    with contextlib.suppress(JudgmentError):
        find_verdict(text, scale, marker)
    assert time.process_time() - begun < 2


def test_a_verdict_at_the_end_of_a_long_response_counts() -> None:
    assert find_verdict("so it goes. " * 100_000 + "[[8]]", TEN, BRACKETS).rating == 8


@pytest.mark.parametrize(
    ("scale", "text", "rating", "worth"),
    [
        (["good", "fair", "bad"], "fair", 0.5, 0.5),
        ({"CORRECT": 1, "PARTLY": 0.4, "WRONG": 0}, "partly", 0.4, 0.4),
        ({"lowest": 1, "highest": 5}, "4", 4, 0.75),
        ({"lowest": -1, "highest": 1}, "[[-1]]", -1, 0),
        ("true_false", "yes", 1, 1),
    ],
)
def test_a_verdict_is_worth_what_its_scale_says(scale: Any, text: str, rating: float, worth: float) -> None:
    found = find_verdict(f"[[{text.strip('[]')}]]", scale_from(scale), BRACKETS)
    assert (found.rating, found.worth) == (rating, worth)


@pytest.mark.parametrize(
    "scale",
    [
        None, 5, "ten", [], ["A"], ["A", "a"], ["A", 1], ["A", " "], {}, {"A": 1}, {"A": 2, "B": 0},
        {"A": True, "B": 0},
        {"lowest": 1}, {"lowest": 2, "highest": 2}, {"lowest": 1, "highest": float("inf")},
        {"lowest": 1, "highest": 5, "step": 1}, {"lowest": 1, "highest": 5, "whole": "yes"},
    ],
)  # fmt: skip
def test_what_is_no_scale_is_refused(scale: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^scale: "):
        scale_from(scale)


def test_a_marker_is_named_by_an_argument() -> None:
    assert marker_from(None) == marker_from("brackets") == BRACKETS
    assert marker_from({"words": "Urteil"}) == Words(("Urteil",))
    assert marker_from({"words": ["Verdict", "Grade"]}) == Words(("Verdict", "Grade"))
    assert marker_from({"field": "match"}) == MATCH
    refused: list[Any] = [
        "xml",
        {},
        {"words": []},
        {"words": [1]},
        {"field": ["a", "b"]},
        {"field": " "},
        {"tag": "x"},
        3,
    ]
    for wrong in refused:
        with pytest.raises(InvalidArgumentError, match=r"^marker: "):
            marker_from(wrong)
