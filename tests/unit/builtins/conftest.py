"""Short calls of components, for their tests."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from themis.core.contexts import ParseContext, ScoreContext
from themis.core.models import Case, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.protocols import Parser, PureMetric

Parse = Callable[[Parser, Any], Any]
ScoreIt = Callable[[PureMetric, Any, Any], float | str]
Rows = Callable[[PureMetric, Iterable[tuple[Any, Any]]], list[Score]]


def _parse(parser: Parser, output: Any) -> Any:
    candidate = ReducedCandidate(candidate_id="c", source_candidate_ids=["c"], final_output=output)
    return parser.parse(candidate, ParseContext(run_id="r", case_id="a")).value


def _score(metric: PureMetric, value: Any, expected: Any) -> float | str:
    case = Case(case_id="a", input="q", expected_output=expected)
    parsed = ParsedOutput(value=value)
    result = metric.score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))
    assert result.metric_id == metric.component_id
    if isinstance(result, ScoreError):
        assert not result.retryable
        return result.reason
    assert isinstance(result, Score)
    return result.value


@pytest.fixture
def parse() -> Parse:
    """The value that a parser finds in an output."""
    return _parse


@pytest.fixture
def score() -> ScoreIt:
    """The value of a metric, or its reason for having none."""
    return _score


def _rows(metric: PureMetric, pairs: Iterable[tuple[Any, Any]]) -> list[Score]:
    found = []
    for value, expected in pairs:
        case = Case(case_id="a", input="q", expected_output=expected)
        parsed = ParsedOutput(value=value)
        found.append(metric.score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed)))
    assert all(isinstance(row, Score) for row in found), found
    return [row for row in found if isinstance(row, Score)]


@pytest.fixture
def rows() -> Rows:
    """The scores of a metric for pairs of an answer and an expected output."""
    return _rows


@pytest.fixture
def seconds() -> Callable[[Callable[[], object]], float]:
    """Processor time of a call: a busy machine does not count."""

    def measure(call: Callable[[], object]) -> float:
        start = time.process_time()
        call()
        return time.process_time() - start

    return measure
