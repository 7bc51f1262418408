"""JUnit XML of a run's scores, for the programs that show test results.

A metric is a test suite, with the figures of its mean as properties, and each case is a test in it: `correct` passes,
`incorrect` is a failure, and what has no score is an error. An edit of a score is in the output of its test. Files of
that form have no published standard; the elements and attributes here are those that Jenkins' schema of JUnit results,
GitLab and pytest have in common.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, TextIO

from themis.core.read_models import BenchmarkScoreRow, EditedScoreRow
from themis.core.reporting.cells import text_cell
from themis.core.reporting.summary import RunSummary
from themis.core.score_edits.history import score_text
from themis.core.text.markup import attributes, shown

_IN_MEMORY = 1_000_000
"""Characters of one suite that are kept in memory; a longer suite goes into a temporary file."""

_FIGURES = ("mean", "ci_lower", "ci_upper", "scored", "total", "no_answer", "unscored", "low", "high")


def write_suites(out: TextIO, summary: RunSummary, rows: Iterable[BenchmarkScoreRow]) -> None:
    """Write the test suites of a run; the rows of single candidates are left out, so that a case is one test.

    The number of tests stands before the tests, so that they are written twice: into a temporary place first.
    """
    with ExitStack() as open_suites:
        suites = {
            metric_id: _Suite(metric_id, open_suites.enter_context(_temporary()))
            for metric_id in summary.snapshot.metric_ids
        }
        for row in rows:
            if row.candidate_index is None:
                suites[row.metric_id].add(row)
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        counts = sum((suite.counts for suite in suites.values()), Counter[str]())
        out.write(f"<testsuites{attributes(name=f'run {summary.result.run_id}')}{_count_attributes(counts)}>\n")
        for suite in suites.values():
            suite.write(out, _properties(summary, suite.metric_id))
        out.write("</testsuites>\n")


class _Suite:
    """The tests of one metric, written to a temporary place while they are counted."""

    def __init__(self, metric_id: str, tests: TextIO) -> None:
        self.metric_id = metric_id
        self.counts: Counter[str] = Counter()
        self._tests = tests

    def add(self, row: BenchmarkScoreRow) -> None:
        self.counts["tests"] += 1
        begin = f"    <testcase{attributes(classname=row.dataset_id or '', name=row.case_id)}"
        edited = _edit(row) if isinstance(row, EditedScoreRow) else ""
        if row.outcome == "correct":
            self._tests.write(f"{begin}>\n{edited}    </testcase>\n" if edited else f"{begin}/>\n")
            return
        kind, counted = ("error", "errors") if row.outcome == "error" else ("failure", "failures")
        self.counts[counted] += 1
        message = row.error_message if row.outcome == "error" else f"{row.metric_id} is {row.value}"
        said = attributes(message=text_cell(message), type=row.error_category or row.outcome)
        details = shown(text_cell(row.details))
        self._tests.write(f"{begin}>\n      <{kind}{said}>{details}</{kind}>\n{edited}    </testcase>\n")

    def write(self, out: TextIO, properties: Sequence[tuple[str, str]]) -> None:
        out.write(f"  <testsuite{attributes(name=self.metric_id)}{_count_attributes(self.counts)}>\n")
        out.write("    <properties>\n")
        out.writelines(f"      <property{attributes(name=name, value=value)}/>\n" for name, value in properties)
        out.write("    </properties>\n")
        self._tests.seek(0)
        shutil.copyfileobj(self._tests, out)
        out.write("  </testsuite>\n")


def _edit(row: EditedScoreRow) -> str:
    """Return what was printed by a test, as the readers of such files show it: the edit of its score."""
    said = f"edited to {score_text(row.edited_value)} by {row.edited_by} at {row.edited_at}: {row.edited_why}"
    return f"      <system-out>{shown(text_cell(said))}</system-out>\n"


def _temporary() -> Any:
    return tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii", newline="")


def _properties(summary: RunSummary, metric_id: str) -> list[tuple[str, str]]:
    """Return the facts about a metric's suite: the run, and each figure of the mean that there is."""
    figures = summary.metrics[metric_id].document()
    found = [("run_id", summary.result.run_id), ("status", summary.result.status.value)]
    found += [("name", summary.result.name)] if summary.result.name else []
    if metric_id in summary.calibrations:
        found.append(("calibration", summary.calibrations[metric_id]))
    if edited := summary.edits.metrics.get(metric_id):
        found += [("edited_mean", repr(edited.summary.mean)), ("edits", str(edited.edits))]
    return found + [(name, repr(figures[name])) for name in _FIGURES if figures[name] is not None]


def _count_attributes(counts: Counter[str]) -> str:
    return attributes(tests=str(counts["tests"]), failures=str(counts["failures"]), errors=str(counts["errors"]))
