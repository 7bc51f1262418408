"""Changes of a job's settings by a person: `--set` of `themis queue retry`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from themis.core.config import RuntimeConfig
from themis.core.configuration.config_file import overridden, validate
from themis.core.configuration.secrets import redact_urls, refuse_literal_secrets
from themis.core.errors import LiteralSecretError, OverrideError
from themis.core.jobs.payload import read_payload
from themis.core.queue.model.manifest_file import Limits, Manifest

_WHERE = "--set"
_PREFIX = "runtime."
_FIXED = frozenset({"queue_root", "batch_root", "existing_run_policy"})
"""Settings that are used up when a job is submitted."""


def refuse_other_keys(overrides: Sequence[str]) -> None:
    """Refuse overrides of what decides a run, or of what a job cannot change any more, and values that cannot be.

    Raises:
        OverrideError: one is not of a key of `runtime`, or of one that only counts at the submission.
        ConfigError: a value is not valid.
    """
    for override in overrides:
        key = override.partition("=")[0].strip()
        if not key.startswith(_PREFIX):
            detail = "only keys of runtime can be changed for a job: anything else makes another run, submit that"
            raise OverrideError(override=override, detail=detail)
        if key.removeprefix(_PREFIX).partition(".")[0] in _FIXED:
            raise OverrideError(override=override, detail="it only counts when the job is submitted")
    _validated(overridden({"runtime": {}}, overrides)["runtime"])


def with_overrides(manifest: Manifest, overrides: Sequence[str]) -> Manifest:
    """Return a job's manifest with other settings.

    Raises:
        OverrideError, ConfigError: an override does not fit, or its value is not valid.
        ManifestError: the payload cannot be read.
    """
    payload = read_payload(manifest.payload, name=manifest.key)
    before = {**payload.runtime.model_dump(mode="json", exclude_defaults=True), "tags": list(manifest.tags)}
    raw = overridden({"runtime": before}, overrides)["runtime"]
    refuse_literal_secrets({"runtime": raw}, where=_WHERE)
    if redact_urls(raw) != raw:
        raise LiteralSecretError(where=_WHERE, key="runtime")
    runtime = _validated(raw)
    changed = payload.model_copy(update={"runtime": runtime})
    document = changed.model_dump(mode="json", exclude_defaults=True, exclude={"runtime": {"tags"}})
    return replace(
        manifest,
        payload={**manifest.payload, "runtime": {}, **document},
        tags=tuple(runtime.tags),
        limits=Limits(runtime.max_attempts, runtime.max_worker_lost, runtime.timeout_s, runtime.memory_limit_mb),
    )


def _validated(raw: Any) -> RuntimeConfig:
    return validate(RuntimeConfig, raw, where=f"{_WHERE} {_PREFIX.rstrip('.')}")
