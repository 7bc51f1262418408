"""Tables of a run's result: its cases, or its scores."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from themis.core.errors import InvalidArgumentError, MissingExtraError
from themis.core.models import Case

_NUMBER = "float64"
_ANY = "object"
_NOT_SHOWN = frozenset({"calibration"})
"""Fields that rows have in reports alone."""


class Result(Protocol):
    """A result, as far as it is in a table; the fields are those of `RunResult`."""

    @property
    def cases(self) -> Iterable[Any]:
        """A `CaseResult` each."""

    @property
    def given_cases(self) -> Mapping[str, Case]:
        """The cases as they were given, by case key."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Summaries by metric id."""

    @property
    def scores(self) -> Iterable[Any]:
        """A `BenchmarkScoreRow` each."""


class _Columns:
    """Columns in the order in which they were first filled; a row that lacks a value has None."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._kinds: dict[str, str] = {}
        self._rows = 0

    def add(self, name: str, kind: str = _ANY) -> None:
        """Add a column, unless it is there."""
        self._values.setdefault(name, [None] * self._rows)
        self._kinds.setdefault(name, kind)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        for name in row:
            self.add(name)
        for name, values in self._values.items():
            values.append(row.get(name))
        self._rows += 1

    def frame(self, pandas: Any, order: Sequence[str] = ()) -> Any:
        """Return the table; columns in `order` come first, if there are such."""
        names = [*(name for name in order if name in self._values), *(n for n in self._values if n not in order)]
        # An object stays what it is: pandas would make numbers of some texts, and dates of others.
        series = {name: pandas.Series(self._values[name], dtype=self._kinds[name]) for name in names}
        return pandas.DataFrame(series, columns=names)


def frame_of_result(result: Result, rows: str) -> Any:
    """Return a pandas DataFrame with a row for each case (`rows` is `cases`), or each score (`scores`).

    Raises:
        InvalidArgumentError: `rows` is something else.
        MissingExtraError: pandas is not installed.
    """
    if rows not in {"cases", "scores"}:
        raise InvalidArgumentError(argument="rows", detail=f"must be 'cases' or 'scores', not {rows!r}")
    pandas = _pandas()
    return _case_frame(pandas, result) if rows == "cases" else _score_frame(pandas, result)


def _pandas() -> Any:
    try:
        return importlib.import_module("pandas")
    except ImportError:
        raise MissingExtraError(
            reference="to_pandas()", package="pandas", distribution="themis-eval", extra="pandas"
        ) from None


def _case_frame(pandas: Any, result: Result) -> Any:
    columns = _Columns()
    given = result.given_cases
    labels = dict.fromkeys(f"metadata.{name}" for case in given.values() for name in case.metadata)
    fixed = ["dataset_id", "case_id", *(["input", "expected_output", *labels] if given else [])]
    fixed += ["output", "parsed", "error_category", "error_message"]
    for name in fixed[:-2]:
        columns.add(name)
    named = {metric_id: f"score.{metric_id}" if metric_id in fixed else metric_id for metric_id in result.metrics}
    for name in named.values():
        columns.add(name, _NUMBER)
    for name in fixed[-2:]:
        columns.add(name)
    for case in result.cases:
        scores = {named.get(score.metric_id, score.metric_id): getattr(score, "value", None) for score in case.scores}
        columns.append({**_given(given.get(case.case_key)), **_answered(case), **scores})
    return columns.frame(pandas)


def _given(case: Case | None) -> dict[str, Any]:
    if case is None:
        return {}
    labels = {f"metadata.{name}": text for name, text in case.metadata.items()}
    return {"input": case.input, "expected_output": case.expected_output, **labels}


def _answered(case: Any) -> dict[str, Any]:
    failure = next(iter(case.failures), None)
    return {
        "dataset_id": case.dataset_id,
        "case_id": case.case_id,
        "output": None if case.reduced_candidate is None else case.reduced_candidate.final_output,
        "parsed": None if case.parsed_output is None else case.parsed_output.value,
        "error_category": None if failure is None else failure.category,
        "error_message": None if failure is None else failure.summary,
    }


def _score_frame(pandas: Any, result: Result) -> Any:
    columns = _Columns()
    first = ("dataset_id", "case_id", "case_key", "metric_id", "candidate_id", "outcome", "value")
    for name in first:
        columns.add(name, _NUMBER if name == "value" else _ANY)
    for name in ("error_category", "error_message", "details"):
        columns.add(name)
    for row in result.scores:
        values = {name: getattr(row, name) for name in type(row).model_fields if name not in _NOT_SHOWN}
        if values["candidate_index"] is None:
            del values["candidate_index"]
        columns.append(values)
    return columns.frame(pandas, first)
