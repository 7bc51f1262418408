"""`themis estimate`: what a run would take, and which difference it would show, without running it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from themis.cli.begin.detectable_difference import Earlier, detected
from themis.cli.command import command, config_options
from themis.cli.costs import explain_unpriced
from themis.cli.stored.run_names import store_option
from themis.cli.targets import compile_without_secrets, open_experiment
from themis.cli.terminal.output import emit, is_for_people, json_form_option, note
from themis.cli.terminal.part_options import part_of, part_options
from themis.cli.terminal.share_option import Share
from themis.core.configuration.part import Part

if TYPE_CHECKING:
    from themis.core.stores.reading import StoreLocation


@command(
    "estimate",
    "themis estimate experiment.yaml",
    "themis estimate experiment.yaml --detect 2%",
    "themis estimate experiment.yaml --detect 2% --earlier before.yaml after.yaml",
)
@config_options
@click.option("--detect", type=Share(), metavar="SHARE", help="Say how many cases show such a difference: 2% or 0.02.")
@click.option(
    "--earlier", nargs=2, metavar="A B", help="Two stored runs, which say how much scores of the same cases differ."
)
@part_options
@store_option
@json_form_option
def estimate(
    *,
    config: Path,
    overrides: Sequence[str],
    part: Part,
    detect: float | None,
    earlier: tuple[str, str] | None,
    store: "StoreLocation | None",
) -> None:
    """Print the tasks and tokens that a run would need, and their cost. Nothing is run.

    With --detect also how many cases show such a difference of a metric between two runs, at 5 % significance and 80 %
    power, whether the data has so many, and the smallest difference that it shows.
    """
    from themis.core.components.asked_model import model_of

    if detect is None and (earlier or store):
        message = "--earlier and --store need --detect"
        raise click.UsageError(message, click.get_current_context())
    experiment = part_of(open_experiment(config, overrides), part, overrides)
    compile_without_secrets(experiment)
    found = experiment.estimate().model_dump(mode="json")
    if detect is not None:
        found["detection"] = detected(experiment, detect, Earlier(earlier, store, config))
    if is_for_people():
        from themis.cli.views.estimate import say_estimate

        say_estimate(found)
    else:
        emit(found)
        for sentence in found.get("detection", {}).get("conclusions", ()):
            note(sentence)
    model = model_of(experiment.compiled().components.generator.live)
    if model and found["estimated_cost_usd"] is None:
        explain_unpriced([model])
