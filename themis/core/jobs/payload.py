"""Payload of a manifest beside the queue's own fields: settings for executing the run, which itself is in the store."""

from typing import Any

from pydantic import Field, ValidationError

from themis.core.base import FrozenModel
from themis.core.config import RuntimeConfig
from themis.core.errors import ManifestError
from themis.core.text.pydantic_errors import problems, words


class JobPayload(FrozenModel):
    """Settings for executing a queued run.

    Attributes:
        mode: `worker_pool` or `batch`.
        runtime: limits and retries of the run.
        config_path: the file that it was submitted from, for people.
        import_from: folders that may hold its components' modules, beside installed packages.
    """

    mode: str
    runtime: RuntimeConfig = RuntimeConfig()
    config_path: str | None = None
    import_from: list[str] = Field(default_factory=list)


def read_payload(payload: dict[str, Any], *, name: str) -> JobPayload:
    """Return the payload of the manifest called `name`; fields that a newer version added are ignored.

    Raises:
        ManifestError: it is not a valid payload.
    """
    try:
        return JobPayload.model_validate(payload, extra="ignore")
    except ValidationError as error:
        problem = problems(error)[0]
        detail = words(problem, ("payload", *problem["loc"]))
        raise ManifestError(name=name, reason="bad_payload", detail=detail) from None
