"""Settings of a worker: from its command line, and from a settings file that SIGHUP reloads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from themis.core.base import FrozenModel, NotBool
from themis.core.configuration.config_file import validate
from themis.core.configuration.toml_text import parse_toml
from themis.core.errors import ConfigError
from themis.core.processes.isolation import current_name
from themis.core.queue.model.claim_policy import VersionMismatch
from themis.core.values import tags
from themis.core.values.bounded_numbers import Mebibytes, PositiveCount, PositiveMebibytes, PositiveSeconds, Seconds

MAX_SLOTS = 1_024


def _checked_tags(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tags.checked(value))


def _current_isolation(value: Any) -> Any:
    return current_name(value) if isinstance(value, str) else value


class WorkerSettings(FrozenModel):
    """Settings of a worker. Each field is an option of `themis worker start` and a key of its settings file.

    Attributes:
        slots: jobs that it runs at once; by default one per device, else one.
        drain: end when nothing is left in the queue.
        max_jobs: end after this number of attempts.
        max_idle: end after this number of seconds without a job.
        max_rss: end, as soon as no job runs, when the worker itself uses this number of MiB or more.
        grace: seconds that running jobs have to end after the first request to stop.
        job_grace: seconds from asking one job to stop until it is killed.
        tags: that it serves: a job is claimed only when all its tags are among them.
        devices: slot i gets number i of them as its `CUDA_VISIBLE_DEVICES`.
        allow_modules: prefixes of the modules that a job may import; None allows all.
        version_mismatch: treatment of a job that another version of the library, or of its components, submitted.
        preemptible: its host may be taken away without notice: the loss of a job with it is charged to nobody at first.
        isolation: the way in which jobs are kept from outliving the worker: `namespace` (a PID namespace), `supervisor`
            (a process that finds and kills all descendants; formerly `keeper`), `group` (process groups alone), or
            `auto`, the first of them that is possible.
        min_free_mb: no job is claimed while the disk of the queue has less free space, in MiB.
        log_limit_mb: an attempt's log is rotated at this size, in MiB; one older part is kept.
        health_file: rewritten with every heartbeat, for probes.
        metrics_port, metrics_address: to serve metrics on, for Prometheus; without a port there is no server.
        metrics_file: file to write metrics to, for a textfile collector.
        hook: a command to run when a job is done or has failed; split as a shell would, but run without one.
        webhook: a URL to POST to when a job is done or has failed.
    """

    slots: Annotated[int, Field(ge=1, le=MAX_SLOTS), NotBool] = 1
    drain: bool = False
    max_jobs: PositiveCount | None = None
    max_idle: PositiveSeconds | None = None
    max_rss: PositiveMebibytes | None = None
    grace: Seconds = 30.0
    job_grace: Seconds = 10.0
    tags: Annotated[tuple[str, ...], AfterValidator(_checked_tags)] = ()
    devices: tuple[str, ...] = ()
    allow_modules: tuple[str, ...] | None = None
    version_mismatch: VersionMismatch = "run"
    preemptible: bool = False
    isolation: Annotated[Literal["auto", "namespace", "supervisor", "group"], BeforeValidator(_current_isolation)] = (
        "auto"
    )
    min_free_mb: Mebibytes = 64
    log_limit_mb: PositiveMebibytes = 16
    health_file: Path | None = None
    metrics_port: Annotated[int, Field(ge=0, le=65_535), NotBool] | None = None
    metrics_address: str = "127.0.0.1"
    metrics_file: Path | None = None
    hook: str | None = None
    webhook: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _slots_follow_devices(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("devices") and "slots" not in values:
            return {**values, "slots": len(values["devices"])}
        return values

    @model_validator(mode="after")
    def _a_device_for_each_slot(self) -> Self:
        if self.devices and self.slots > len(self.devices):
            msg = f"{self.slots} slots have only {len(self.devices)} devices"
            raise ValueError(msg)
        return self


def load_settings(options: Mapping[str, Any], file: Path | None) -> WorkerSettings:
    """Load the settings of a worker: from its command line, else its settings file, else the defaults.

    Args:
        options: the fields that the command line gives.
        file: a TOML file of fields, or None.

    Raises:
        ConfigError: the file cannot be read, or a value is invalid.
    """
    from_file = {} if file is None else _read(file)
    try:
        return validate(WorkerSettings, {**from_file, **options}, where="worker options" if file is None else str(file))
    except ConfigError as error:
        field, _, problem = str(error.facts.get("detail", "")).partition(": ")
        if field.partition(".")[0] not in options:
            raise
        raise ConfigError(where=f"--{field.replace('_', '-')}", detail=problem) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(where=str(file), detail=f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(where=str(file), detail=f"not valid TOML: {error}") from None
    found: dict[str, Any] = parse_toml(text, where=str(file))
    return found
