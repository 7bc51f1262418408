"""`themis quickcheck`: counts, means and scores of a stored run."""

from themis.cli.command import command
from themis.cli.exit_status import explain_partial
from themis.cli.stored.run_targets import Asked, run_options, run_to_read
from themis.cli.terminal.output import emit, is_for_people, json_form_option


@command("quickcheck", "themis quickcheck --config experiment.yaml", "themis quickcheck 4f1c09")
@run_options
@json_form_option
def quickcheck(*, asked: Asked) -> None:
    """Print counts, means and the score of each case of a stored run so far.

    TARGET is the name of a run, or the beginning of a run's id or a job's key (4 digits at least), or a config file.
    """
    from themis.core.inspection import quickcheck as check
    from themis.core.stores import projections

    with run_to_read(asked) as (store, run_id):
        result = projections.run_result(store, run_id)
        explain_partial(result)
        if is_for_people():
            from themis.cli.views.run_end import say_end
            from themis.cli.views.scores_table import say_scores

            say_end(result, None, None)
            say_scores(projections.benchmark_result(store, run_id))
            return
        found = check(store, run_id)
        emit({"run_id": found.pop("run_id"), "name": result.name, **found})
