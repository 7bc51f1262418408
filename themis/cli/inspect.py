"""`themis inspect`: the snapshot of a run, its stored state, and what judges were asked."""

import click

from themis.cli.command import command, group
from themis.cli.stored.run_targets import Asked, config_of, run_options, run_to_read
from themis.cli.targets import compile_without_secrets, open_experiment
from themis.cli.terminal.output import emit, note
from themis.core.errors import UnknownRunError


@group("inspect", "themis inspect snapshot --config experiment.yaml")
def inspect() -> None:
    """Print the snapshot of a run, its stored state, or what judges were asked."""


@command("snapshot", "themis inspect snapshot --config experiment.yaml", "themis inspect snapshot 4f1c09")
@run_options
def snapshot(*, asked: Asked) -> None:
    """Print the identity and the provenance of a run: as stored, or as they would be stored."""
    from themis.core.inspection import get_run_snapshot

    try:
        with run_to_read(asked) as (store, run_id):
            found = get_run_snapshot(store, run_id)
    except UnknownRunError:
        if (file := config_of(asked)) is None:
            raise
        found = compile_without_secrets(open_experiment(file, asked.overrides))
    emit(found.model_dump(mode="json"))


@command("state", "themis inspect state --config experiment.yaml", "themis inspect state 4f1c09")
@run_options
def state(*, asked: Asked) -> None:
    """Print the finished stages of a run, case by case."""
    from themis.core.base import as_json
    from themis.core.inspection import get_execution_state

    with run_to_read(asked) as (store, run_id):
        emit(as_json(get_execution_state(store, run_id)))


@command("evaluation", "themis inspect evaluation --config experiment.yaml --case-id q1 --metric-id builtin/llm_rubric")
@run_options
@click.option("--case-id", required=True, metavar="ID", help="The case.")
@click.option("--metric-id", required=True, metavar="ID", help="A metric that asks judges, as the run shows it.")
@click.option("--dataset-id", metavar="ID", help="The case's dataset, where several have a case of that id.")
def evaluation(*, asked: Asked, case_id: str, metric_id: str, dataset_id: str | None) -> None:
    """Print what the judges of a metric were asked about a case, what they said, and what that came to."""
    from themis.core.base import as_json
    from themis.core.inspection import get_evaluation_execution

    with run_to_read(asked) as (store, run_id):
        found = get_evaluation_execution(store, run_id, case_id, metric_id, dataset_id)
    if found is None:
        note("no judge was asked about this case: there was nothing to judge")
    emit(None if found is None else as_json(found))


inspect.add_command(snapshot)
inspect.add_command(state)
inspect.add_command(evaluation)
