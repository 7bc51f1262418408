"""`themis config`: check a config file, show it, or print its schema."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from themis.cli.command import command, config_options, group
from themis.cli.targets import open_experiment
from themis.cli.terminal.colours import of_state
from themis.cli.terminal.output import ID_CHARACTERS, emit, is_for_people, json_form_option, note
from themis.cli.terminal.prose import say_command, say_state
from themis.core.text.counts import counted


@group("config", "themis config validate experiment.yaml")
def config() -> None:
    """Check a config file, show it, or print its schema."""


@command("validate", "themis config validate experiment.yaml")
@config_options
@json_form_option
def validate(*, config: Path, overrides: Sequence[str]) -> None:
    """Check everything that can be checked without running: keys, components, datasets."""
    from themis.core.engine.limits import idle_limits
    from themis.core.engine.spending import refuse_unkept_budget

    experiment = open_experiment(config, overrides)
    snapshot = experiment.compile()
    components = experiment.compiled().components
    refuse_unkept_budget(experiment.runtime, components.generator.live, components.live_judges)
    for text in idle_limits(experiment.runtime, components.providers):
        note(text)
    if not is_for_people():
        emit({"valid": True, "run_id": snapshot.run_id, "total_cases": snapshot.total_cases})
        return
    items = [counted(snapshot.total_cases, "case"), f"(run {snapshot.run_id[:ID_CHARACTERS]})"]
    say_state("valid", items, style=of_state("completed"))
    # With overrides it would be another experiment.
    if not overrides:
        say_command("next", f"themis run {shlex.quote(str(config))}")


@command("show", "themis config show experiment.yaml --set seeds=[7]")
@config_options
def show(*, config: Path, overrides: Sequence[str]) -> None:
    """Print a config file with its defaults, its overrides and absolute paths; secrets stay references."""
    from themis.core.configuration.config_file import load_config
    from themis.core.configuration.secrets import redact_urls

    emit(redact_urls(load_config(config, overrides=overrides).model_dump(mode="json", by_alias=True)))


@command("schema", "themis config schema > themis.schema.json")
def schema() -> None:
    """Print the JSON Schema of config files, for editors that complete and check as you type."""
    from themis.core.configuration.json_schema import config_schema

    emit(config_schema())


for member in (validate, show, schema):
    config.add_command(member)
