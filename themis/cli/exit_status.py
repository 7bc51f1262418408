"""The result of commands that run an experiment: its JSON, messages about failures, and the exit code."""

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from themis.cli import errors
from themis.cli.terminal.output import DEBUG_VARIABLE, note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from themis.core.cost.run_cost import RunCost
    from themis.core.results import CaseResult, RunResult, StageFailure

_CASES_LOOKED_THROUGH = 10_000


def document(result: "RunResult", cost: "RunCost | None" = None) -> dict[str, Any]:
    """The result of a run as JSON: its counts of cases, each metric's mean with its details, and its cost, if any."""
    from themis.core.statistics.score_tally import means_of

    return {
        "run_id": result.run_id,
        "name": result.name,
        "status": result.status.value,
        "completed_through_stage": result.completed_through_stage,
        **result.progress.model_dump(mode="json"),
        "metric_means": means_of(result.metrics),
        "metrics": {metric_id: found.document() for metric_id, found in result.metrics.items()},
        **({} if result.reason is None else {"reason": result.reason}),
        **({} if cost is None else {"cost": cost.document()}),
    }


def explain_failures(result: "RunResult", *, is_traced: bool = False) -> None:
    """Print on standard error how many cases had no answer, how many failed, and the first failure.

    Args:
        result: of the run.
        is_traced: whether the traceback of a bug was printed anyway.
    """
    failed = result.progress.failed_cases
    silent = max((found.no_answer for found in result.metrics.values()), default=0)
    if silent:
        rule = "evaluation.on_no_answer sets their score, 0 by default"
        note(f"{silent:,} of {result.progress.total_cases:,} answers contain nothing that can be scored; {rule}")
    if result.reason is not None:
        note(f"the run was cancelled: {result.error}")
    elif result.error:
        note(f"the run failed: {result.error}")
    elif failed:
        note(f"{failed:,} of {result.progress.total_cases:,} cases failed{_first(result, is_traced=is_traced)}")


def _first(result: "RunResult", *, is_traced: bool) -> str:
    """The first failure, with its case, and how to see the traceback of a bug."""
    found = first_failure(islice(result.cases, _CASES_LOOKED_THROUGH))
    if found is None:
        return ""
    case, failure = found
    hint = ""
    if "traceback" in failure.details and not is_traced and not os.environ.get(DEBUG_VARIABLE):
        hint = f"; {DEBUG_VARIABLE}=1 shows the traceback"
    return f"; the first: case {case.case_id!r}: {failure.category}: {failure.summary}{hint}"


def explain_name(wanted: str | None, name: str | None) -> None:
    """Print on standard error that a run keeps the name of its first submission, if another one was asked for."""
    if wanted is not None and name is not None and wanted != name:
        note(f"the run keeps its name, {name}, which it got when it was first stored")


def explain_partial(result: "RunResult") -> None:
    """Print on standard error that a result is partial, if it is."""
    if result.what_is_missing:
        note(f"{result.what_is_missing}; these are the results so far")


def exit_code(result: "RunResult") -> int:
    """The exit code for a result: failed cases are data; a run without any answer, or out of budget, is bad news."""
    return errors.RUN_FAILED if result.status.value == "failed" or result.reason is not None else 0


def first_failure(cases: "Iterable[CaseResult]") -> "tuple[CaseResult, StageFailure] | None":
    """The first failed case with its first failure; None if there is none."""
    return next(((case, failure) for case in cases for failure in case.failures), None)
