"""A result as Python and a notebook show it."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from tests.support.lab import ScriptedGenerator, ScriptedMetric, cases
from themis.core.evaluate import evaluate
from themis.core.result_views.on_demand import ItemsOnDemand, ValuesOnDemand
from themis.core.results import ProgressSnapshot, RunResult, RunStatus
from themis.core.text import masking

NASTY = "<script>alert('x')</script> & \x1b[2J \u202e"


def nasty_result() -> RunResult:
    def fail(case: Any, _ctx: Any) -> str:
        if case.case_id.startswith("<"):
            raise ValueError(NASTY)
        return "x"

    metric = ScriptedMetric(lambda *_: 0.5, component_id="<b>metric</b>")
    data = [{"case_id": NASTY[:20], "input": "x"}, {"input": "y"}]
    return evaluate(ScriptedGenerator(fail), data, metric)


class Tags(HTMLParser):
    """Collects the tags of a piece of HTML, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(name == "scope" for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_printed_result_is_its_status_and_a_table_of_its_metrics() -> None:
    result = evaluate("builtin/demo_generator", cases(3), ["builtin/exact_match", "builtin/f1"])
    title, _, heads, *rows = str(result).splitlines()
    assert title == f"demo_generator-on-inline, run {result.run_id[:8]}: completed, 3 of 3 cases"
    assert " ".join(heads.split()) == "metric mean 95 % interval scored total no answer unscored low high"
    assert [row.split()[:2] for row in rows] == [["builtin/exact_match", "1.0000"], ["builtin/f1", "1.0000"]]
    assert len({line.rindex(" ") for line in rows}) == 1, "numbers stand below each other"


def test_a_failed_case_is_named_with_its_reason() -> None:
    assert "the first failure: case <script>alert('x')</: ValueError: <script>" in str(nasty_result())


def test_a_printed_result_moves_no_cursor_and_reverses_no_line() -> None:
    assert str(nasty_result()).replace("\n", "").isprintable()


def test_all_text_of_a_result_is_escaped_in_a_notebook() -> None:
    found = Tags()
    found.feed(nasty_result()._repr_html_())
    assert found.tags == {"p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>alert('x')</script> &" in found.text
    assert "<b>metric</b>" in found.text


def test_a_secret_is_masked_in_each_view() -> None:
    masking.register("KEY", "sk-very-secret-key", is_key=True)
    result = RunResult(run_id="0" * 64, status=RunStatus.FAILED, error="refused: sk-very-secret-key")
    for shown in (str(result), result._repr_html_()):
        assert "refused" in shown
        assert "sk-very-secret-key" not in shown


def test_a_result_says_that_it_is_partial_or_why_it_failed() -> None:
    counts = ProgressSnapshot(total_cases=20, completed_cases=3, failed_cases=2)
    partial = RunResult(run_id="ab" * 32, status=RunStatus.CANCELLED, progress=counts)
    assert str(partial).splitlines() == [
        "run abababab: cancelled, 5 of 20 cases, 2 failed",
        "partial: 5 of 20 cases have ended, and the run is cancelled",
    ]
    failed = RunResult(run_id="ab" * 32, status=RunStatus.FAILED, error="KeyError: 'x'\nmore")
    assert str(failed).splitlines()[1:] == ["KeyError: 'x' more"]


def test_figures_that_are_no_means_have_a_table_of_their_own() -> None:
    result = evaluate("builtin/demo_generator", cases(3), "builtin/chrf")
    assert "over all cases" in str(result)
    assert "over all cases" in result._repr_html_()


def test_the_means_are_those_of_the_metrics_and_the_scores_those_of_the_cases() -> None:
    result = nasty_result()
    assert result.metric_means == {"<b>metric</b>": 0.5}
    assert [(row.case_id, row.value) for row in result.scores] == [(NASTY[:20], None), ("case-2", 0.5)]
    assert set(result.given_cases) == {f"6:inline:{NASTY[:20]}", "6:inline:case-2"}
    assert len(result.scores) == 2
    assert result.scores[-1].value == 0.5


def test_what_is_read_on_demand_is_no_part_of_a_dumped_result() -> None:
    dumped = nasty_result().model_dump()
    assert not {"scores", "given_cases", "metrics", "metric_means"} & set(dumped)


def test_items_are_read_when_they_are_asked_for_and_kept_for_a_length() -> None:
    reads: list[int] = []

    def read() -> Iterator[int]:
        reads.append(1)
        yield from (1, 2, 3)

    items = ItemsOnDemand(read)
    assert reads == []
    assert [[*iter(items)], [*iter(items)]] == [[1, 2, 3]] * 2
    assert len(reads) == 2
    assert (len(items), items[-1], items[1:], list(items), repr(items)) == (3, 3, [2, 3], [1, 2, 3], "[1, 2, 3]")
    assert len(reads) == 3
    assert items == [1, 2, 3]
    assert items != [1, 2]


def test_values_are_read_once() -> None:
    reads: list[int] = []

    def read() -> dict[str, int]:
        reads.append(1)
        return {"a": 1}

    values = ValuesOnDemand(read)
    assert reads == []
    assert (values["a"], list(values), len(values), repr(values), values == {"a": 1}) == (1, ["a"], 1, "{'a': 1}", True)
    assert reads == [1]
