"""`--dry-run` of `themis run` and `submit`: what would be done, when everything has been checked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from themis.cli.terminal.output import emit, is_for_people, note
from themis.core.text.counts import counted

if TYPE_CHECKING:
    from themis.core.dry_run.job_plan import JobPlan
    from themis.core.dry_run.run_plan import RunPlan
    from themis.core.experiment import Experiment
    from themis.core.jobs.predecessors import After

Function = TypeVar("Function", bound=Callable[..., Any])


def dry_run_option(function: Function) -> Function:
    """Add `--dry-run`, which becomes `dry_run`."""
    return click.option(
        "--dry-run", is_flag=True, help="Check everything and say what would be done; nothing is written or asked."
    )(function)


def show_plan(experiment: "Experiment", until_stage: str) -> None:
    """Print what `themis run` would do."""
    from themis.core.dry_run.run_plan import plan_run

    plan = plan_run(experiment, until_stage)
    if not is_for_people():
        emit({"dry_run": True, **plan.model_dump(mode="json")})
    note(f"dry run, nothing was written and no model asked: {_of_run(plan)}")
    if plan.held_by is not None:
        note(f"the run lock is held by {plan.held_by}, so that it could not start now; --wait waits for it")


def show_submission(
    experiment: "Experiment", config: Path, mode: Literal["worker_pool", "batch"], tags: Sequence[str], after: "After"
) -> None:
    """Print what `themis submit` would do."""
    from themis.core.dry_run.job_plan import plan_submission

    plan = plan_submission(experiment, config, mode, tags, after)
    if not is_for_people():
        emit({"dry_run": True, **plan.run.model_dump(mode="json"), **plan.model_dump(mode="json", exclude={"run"})})
    note(f"dry run, nothing was written and no model asked: {_of_job(plan)}; {_of_run(plan.run)}")


def _of_job(plan: "JobPlan") -> str:
    """Where the experiment would go."""
    if plan.job is not None:
        return f"job {plan.job} of this run is there already, {plan.job_state}"
    kind = "request" if plan.mode == "batch" else "job"
    made = "" if plan.folder_exists else ", which would be made"
    return f"one {kind} would be added to {plan.folder}{made}"


def _of_run(plan: "RunPlan") -> str:
    """The cases and calls of a run, and where its results are."""
    store = "the memory of the process" if plan.store is None else plan.store
    made = ", which would be made" if plan.store is not None and not plan.store_exists else ""
    if not plan.left_cases:
        return f"nothing would be run, as {plan.name} is stored in {store} with all {counted(plan.total_cases, 'case')}"
    calls = [counted(plan.generation_calls, "generation")]
    if plan.judgments:
        calls.append(counted(plan.judgments, "judgment"))
    kept = f" (and use {plan.stored_generations:,} that are stored)" if plan.stored_generations else ""
    left = f"{plan.left_cases:,} of {counted(plan.total_cases, 'case')}"
    if plan.left_cases == plan.total_cases:
        left = counted(plan.total_cases, "case")
    return f"{plan.name} would run {left}, ask for {' and '.join(calls)}{kept}, and keep the results in {store}{made}"
