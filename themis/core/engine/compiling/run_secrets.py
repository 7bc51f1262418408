"""What a run keeps of its configuration: no secret, and no reference that looks as if it were replaced."""

import logging
from typing import Any

from themis.core.config import EvaluationConfig, ExperimentConfig, GenerationConfig
from themis.core.configuration.secrets import names_secret_variable, refuse_literal_secrets, unresolved_references
from themis.core.errors import UnresolvedReferenceError
from themis.core.prompts import PromptSpec
from themis.core.snapshot import RunProvenance

logger = logging.getLogger("themis.engine")

_COMPONENTS = frozenset({"generator", "selector", "reducer", "parsers", "metrics", "judge_models"})
_PLACES = frozenset({"queue_root", "batch_root"})
_STAYS = "stays as it is written here; references are replaced under a component's `with` and in runtime.environment"


def refuse_secrets(config: ExperimentConfig, provenance: RunProvenance, where: str) -> None:
    """Look through all that a run keeps, but for the cases, which are data, and live objects, which are not kept.

    Raises:
        LiteralSecretError: a secret stands in it.
        UnresolvedReferenceError: a secret is referred to where no reference is replaced.
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
    """Refuse a secret's reference that would not be replaced; of any other, a prompt's may well be meant so: say it."""
    if name in {"generation", "evaluation"}:
        section = {key: value for key, value in section.items() if key not in _COMPONENTS}
    elif name == "runtime":
        section = {key: value for key, value in section.items() if key in _PLACES}
    for key, reference in dict.fromkeys(unresolved_references(section, path=name)):
        if names_secret_variable(reference):
            raise UnresolvedReferenceError(where=where, key=key, reference=reference)
        logger.warning("%s: %s: %s %s", where, key, reference, _STAYS)


def _plain(section: GenerationConfig | EvaluationConfig) -> dict[str, object]:
    """The fields of a section, as far as they are plain values."""
    return {key: value.model_dump() if isinstance(value, PromptSpec) else value for key, value in vars(section).items()}
