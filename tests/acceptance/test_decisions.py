"""Each decision says in one uniform head what it is, since when, and what has replaced it."""

import re
from pathlib import Path

import pytest

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(DECISIONS.glob("[0-9]*.md"))

NAME = re.compile(r"(?P<number>\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md")
LATER = r"\[\d+\]\(\d{4}-[a-z0-9-]+\.md\)"
HEAD = re.compile(
    r"# (?P<number>\d+)\. [^\n]*[^\n.]\n\n"
    r"Status: (?P<status>accepted|replaced) · (?P<date>\d{4}-\d\d-\d\d)"
    rf"( · (?P<part>in part )?replaced by (?P<later>{LATER}(, {LATER})*))?\n\n\S"
)


def head_of(page: Path) -> re.Match[str]:
    found = HEAD.match(page.read_text(encoding="utf-8"))
    assert found is not None, f"{page.name} does not begin with the head that docs/decisions/index.md shows"
    return found


def test_each_decision_has_its_number_a_status_and_a_date() -> None:
    for page in PAGES:
        name, head = NAME.fullmatch(page.name), head_of(page)
        assert name is not None, page.name
        assert int(head["number"]) == int(name["number"]), page.name


def test_a_decision_that_is_replaced_names_a_later_one_and_no_other_does() -> None:
    for page in PAGES:
        head = head_of(page)
        assert (head["status"] == "replaced") == (head["later"] is not None and head["part"] is None), page.name
        for number, file in re.findall(r"\[(\d+)\]\((.+?)\)", head["later"] or ""):
            later = head_of(DECISIONS / file)
            assert file.startswith(f"{int(number):04}-"), page.name
            assert int(later["number"]) > int(head["number"]), page.name
            assert later["date"] >= head["date"], page.name


def test_no_number_is_given_twice() -> None:
    assert len({page.name[:4] for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize(
    "text",
    [
        "# 7: A colon\n\nStatus: accepted · 2026-11-26\n\nText",
        "# 7. No status\n\nText",
        "# 7. No date\n\nStatus: accepted\n\nText",
        "# 7. Another word\n\nStatus: open · 2026-11-26\n\nText",
        "# 7. By nothing\n\nStatus: accepted · 2026-11-26 · replaced by 8\n\nText",
        "# 7. A sentence.\n\nStatus: accepted · 2026-11-26\n\nText",
    ],
)
def test_another_head_is_noticed(text: str) -> None:
    assert HEAD.match(text) is None
