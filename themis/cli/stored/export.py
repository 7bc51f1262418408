"""`themis export`: the stored results of one stage of a run, as a bundle that another store can import."""

from typing import TYPE_CHECKING

import click

from themis.cli.command import command, group
from themis.cli.stored.run_targets import Asked, run_options, run_to_read
from themis.cli.terminal.output import emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from themis.core.bundles.models import Bundle

STAGES = {
    "generation": "the candidates",
    "reduction": "the reduced candidates",
    "parse": "the parsed answers",
    "score": "the scores",
    "evaluation": "the judgments",
}
"""Stages whose results can be exported, with what these are."""


@group("export", "themis export generation --config experiment.yaml > generations.json")
def export() -> None:
    """Print the stored results of a stage as a bundle, which another store can import."""


def _command_of(stage: str) -> click.Command:
    @run_options
    def export_stage(*, asked: Asked) -> None:
        import themis.core.bundles.exporting as bundles
        from themis.core.base import as_json

        exported: Callable[..., Bundle] = getattr(bundles, f"export_{stage}_bundle")
        with run_to_read(asked) as (store, run_id):
            emit(as_json(exported(store, run_id)))

    export_stage.__doc__ = f"Print {STAGES[stage]} of a stored run's ended cases as one JSON object."
    return command(stage, f"themis export {stage} --config experiment.yaml > {stage}.json")(export_stage)


for _stage in STAGES:
    export.add_command(_command_of(_stage))
