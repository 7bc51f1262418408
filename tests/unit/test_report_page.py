"""The report that is an HTML page: it shows what the run has, and nothing in it is alive."""

from collections import Counter
from html.parser import HTMLParser

import pytest

from tests.unit.test_report_files import HOSTILE
from tests.unit.test_reports import run
from themis.core.inspection import quickcheck
from themis.core.models import Case
from themis.core.reporting import html
from themis.core.reports import Reporter
from themis.core.stores import InMemoryRunStore
from themis.core.text.lines import visible

VOID = {"meta"}

# What the page is made of; an attribute in it never has a text of the run.
ALLOWED = {
    **{
        tag: set() for tag in ("head", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody", "tr", "td")
    },
    "html": {("lang", "en")},
    "div": {("class", "wide")},
    "th": {("scope", "row"), ("scope", "col")},
    "code": set(),
    "span": {("class", "correct"), ("class", "incorrect"), ("class", "error")},
}


class Page(HTMLParser):
    """A page as a browser reads it: its elements are closed in order, and its cells are texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        if tag in VOID:
            return
        assert set(attrs) <= ALLOWED[tag], (tag, attrs)
        self._open.append(tag)
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self._open):
            self.cells[-1] += data


@pytest.fixture
def store() -> InMemoryRunStore:
    return InMemoryRunStore()


def test_the_page_has_the_figures_of_the_run_and_each_score(store: InMemoryRunStore) -> None:
    cases = [Case(case_id=name, input="a", expected_output="a") for name in ("right", "also")]
    cases.append(Case(case_id="wrong", input="a", expected_output="b"))
    cases.append(Case(case_id="none", input="fail", expected_output="b"))
    run_id = run(store, cases)
    page = Page(Reporter(store).export_html(run_id))
    said = quickcheck(store, run_id)["metrics"]["test_metric"]
    assert run_id in page.cells
    metrics = page.cells[page.cells.index("test_metric") :]
    assert metrics[1] == f"{said['mean']:.4f}"
    assert metrics[3:8] == ["3", "4", "2", "0", "1"]  # scored, total, correct, no answer, unscored
    scores = page.cells[page.cells.index("details") + 1 :]
    assert [tuple(scores[at + 1 : at + 5]) for at in range(0, len(scores), 7)] == [
        ("right", "test_metric", "correct", "1.0"),
        ("also", "test_metric", "correct", "1.0"),
        ("wrong", "test_metric", "incorrect", "0.0"),
        ("none", "test_metric", "error", ""),
    ]
    assert "=fail | <b>`no`</b>" in scores[-1]


@pytest.mark.parametrize("text", [*HOSTILE, "<script>alert(1)</script>", "</title><img src=x onerror=y>", "{{ 7*7 }}"])
def test_no_text_of_a_run_becomes_a_part_of_the_page(store: InMemoryRunStore, text: str) -> None:
    run_id = run(store, [Case(case_id=text, input=f"fail {text}", expected_output="b")], metric=text)
    page = Page(Reporter(store).export_html(run_id))
    shown = visible(text).replace("\ufffe", "\ufffd")
    assert page.cells.count(shown) == 5, "the metric, the case and the metric of the failure, and those of the score"
    assert page.elements["code"] > 0
    assert not set(page.elements) - set(ALLOWED) - VOID


def test_the_page_is_ascii_and_loads_nothing(store: InMemoryRunStore) -> None:
    run_id = run(store, [Case(case_id="né 🦊", input="a", expected_output="a")])
    text = Reporter(store).export_html(run_id)
    assert text.isascii()
    assert "default-src 'none'" in text
    assert "http:" not in text
    assert "https:" not in text


def test_a_long_run_shows_its_first_scores_and_says_so(
    store: InMemoryRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [Case(case_id=f"case {number}", input="a", expected_output="a") for number in range(5)]
    run_id = run(store, cases)
    whole = Reporter(store).export_html(run_id)
    monkeypatch.setattr(html, "SCORES_SHOWN", 3)
    cut = Reporter(store).export_html(run_id)
    assert "case 4" in whole
    assert "case 2" in cut
    assert "case 3" not in cut
    assert "The first 3 rows." in cut
    assert "The first" not in whole
