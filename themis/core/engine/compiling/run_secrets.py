"""Checks of the configuration that a run stores: no secrets, and no references that would stay unresolved."""

import logging
from typing import Any

from themis.core.config import EvaluationConfig, ExperimentConfig, GenerationConfig
from themis.core.configuration.secrets import names_secret_variable, refuse_literal_secrets, unresolved_references
from themis.core.errors import UnresolvedReferenceError
from themis.core.prompts import PromptSpec
from themis.core.snapshot import RunProvenance

logger = logging.getLogger("themis.engine")

_COMPONENTS = frozenset({"generator", "selector", "reducer", "parsers", "metrics", "judge_models", "views"})
_PLACES = frozenset({"queue_root", "batch_root"})
_STAYS = "stays as it is written here; references are resolved only under `with` and runtime.environment"


def refuse_secrets(config: ExperimentConfig, provenance: RunProvenance, where: str) -> None:
    """Refuse secrets in everything that a run stores, except cases, which are data; live objects are not stored.

    Raises:
        LiteralSecretError: it contains a secret.
        UnresolvedReferenceError: it refers to a secret where references are not resolved.
    """
    sections: dict[str, Any] = {
        "generation": _plain(config.generation),
        "evaluation": _plain(config.evaluation),
        "datasets": [dataset.model_dump(exclude={"cases"}) for dataset in config.datasets],
        **provenance.model_dump(include={"storage", "runtime", "provider_metadata", "environment_metadata"}),
    }
    for name, section in sections.items():
        refuse_literal_secrets(section, where=where, path=name)
    for name, section in sections.items():
        _look_for_references(name, section, where)


def _look_for_references(name: str, section: Any, where: str) -> None:
    """Refuse an unresolved reference to a secret; only warn about others: in a prompt they may be intended."""
    if name in {"generation", "evaluation"}:
        section = {key: value for key, value in section.items() if key not in _COMPONENTS}
    elif name == "runtime":
        section = {key: value for key, value in section.items() if key in _PLACES}
    elif name == "datasets":
        section = [{key: value for key, value in dataset.items() if key != "with"} for dataset in section]
    for key, reference in dict.fromkeys(unresolved_references(section, path=name)):
        if names_secret_variable(reference):
            raise UnresolvedReferenceError(where=where, key=key, reference=reference)
        logger.warning("%s: %s: %s %s", where, key, reference, _STAYS)


def _plain(section: GenerationConfig | EvaluationConfig) -> dict[str, object]:
    """The fields of a section, with a prompt and views as plain values."""
    plain = {
        key: value.model_dump() if isinstance(value, PromptSpec) else value for key, value in vars(section).items()
    }
    if isinstance(section, EvaluationConfig):
        plain["views"] = {name: dict(vars(view)) for name, view in section.views.items()}
    return plain
