"""Submittable experiments: all that is refused before anything is written."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from themis.core.components.references import ComponentTarget
from themis.core.configuration.secrets import redact_urls, redacted_key
from themis.core.engine.spending import refuse_unkept_budget
from themis.core.errors import ConfigError, LiteralSecretError, LiveComponentError
from themis.core.experiment import Experiment
from themis.core.snapshot import RunSnapshot
from themis.core.stores.registry import location_of


def check_submittable(experiment: Experiment, config_path: str | Path | None = None) -> dict[str, ComponentTarget]:
    """Compile an experiment, and refuse what no worker could run; nothing is written.

    Args:
        experiment: the experiment.
        config_path: the file that it was read from, for people.

    Returns:
        The import target of each component, by its path in the configuration.

    Raises:
        InputError: it cannot be submitted; the message says why.
    """
    _refuse_url_passwords("runtime", experiment.runtime.model_dump(mode="json"))
    _refuse_url_passwords("storage.parameters", experiment.storage.parameters)
    _refuse_unwritable_paths(experiment, config_path)
    location_of(experiment.storage)  # raises for a store that only this process can reach
    snapshot = experiment.compile()
    components = experiment.compiled().components
    refuse_unkept_budget(experiment.runtime, components.generator.live, components.live_judges)
    loaders_of(snapshot)
    return _targets(snapshot)


def loaders_of(snapshot: RunSnapshot) -> list[str]:
    """Return the functions that yield datasets, as they are named.

    Raises:
        LiteralSecretError: an argument of one contains a secret, which is not stored.
    """
    found = [dataset.loader for dataset in snapshot.datasets if dataset.loader is not None]
    for loader in found:
        if key := redacted_key(loader.arguments):
            raise LiteralSecretError(where="datasets", key=f"with.{key}")  # no worker would have it
    return [loader.use for loader in found]


def _targets(snapshot: RunSnapshot) -> dict[str, ComponentTarget]:
    targets = {}
    for place, ref in snapshot.component_refs.all().items():
        if ref.target is None:
            raise LiveComponentError(where=place, reference=ref.component_id)
        if key := redacted_key(ref.target.arguments):
            raise LiteralSecretError(where=place, key=f"with.{key}")  # not stored, so no worker would have it
        targets[place] = ref.target
    return targets


def _refuse_url_passwords(where: str, values: Mapping[str, Any]) -> None:
    """Refuse URLs with a password: a manifest would store it; without it, a limit or a store would be another one."""
    for name, value in values.items():
        redacted = redact_urls(value)
        if redacted != value:
            key = redacted_key(redacted)
            raise LiteralSecretError(where=where, key=name if key is None else f"{name}.{key}")


def _refuse_unwritable_paths(experiment: Experiment, config_path: str | Path | None) -> None:
    """Refuse paths that are not UTF-8: a job's file and its row could not name them to a worker."""
    runtime, parameters = experiment.runtime, experiment.storage.parameters
    datasets = [getattr(dataset, "path", None) for dataset in experiment.datasets]
    for path in (config_path, parameters.get("path"), runtime.queue_root, runtime.batch_root, *datasets):
        absolute = os.path.abspath(str(path)) if isinstance(path, str | Path) else ""  # noqa: PTH100  # text in, text out
        try:
            absolute.encode("utf-8")
        except UnicodeEncodeError:
            shown = os.fsencode(absolute).decode("utf-8", "replace")
            detail = "the path is not UTF-8 text, so a job cannot name it; rename the folder, or use themis run"
            raise ConfigError(where=shown, detail=detail) from None
