"""Description of a fleet: how many workers, of what kind, for which queue."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from themis.core.errors import FleetError
from themis.core.queue.model.claim_policy import ClaimPolicy, VersionMismatch
from themis.core.queue.model.queue_place import Place
from themis.core.values import tags

DEFAULT_NAME = "workers"
MOST_WORKERS = 100_000
MAX_IDLE_S = 300.0

# A part of the names of jobs, pods and actors, and of the workers, where a dot ends it.
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """Description of a fleet.

    Attributes:
        name: its name, by which the engine finds it again.
        place: place of the queue.
        minimum: number of workers that stay without work.
        maximum: number of workers at most.
        tags: tags that the workers serve.
        slots: jobs that a worker runs at once; None for one per GPU, else one.
        gpus: GPUs of a worker.
        cpus: processor cores of a worker; None for one per slot.
        memory_mb: memory of a worker in MiB; None for what the engine gives by default.
        version_mismatch: how the workers handle a job that was submitted with other versions.
        max_idle_s: seconds without work after which a worker above the minimum ends.
        engine_options: what else the engine is told, by its own names.
        command: how Themis is called on a node.

    Raises:
        FleetError: a value is invalid.
        TagError: a tag is invalid.
    """

    name: str
    place: Place
    minimum: int = 0
    maximum: int = 1
    tags: tuple[str, ...] = ()
    slots: int | None = None
    gpus: int = 0
    cpus: int | None = None
    memory_mb: int | None = None
    version_mismatch: VersionMismatch = "run"
    max_idle_s: float = MAX_IDLE_S
    engine_options: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ("themis",)

    def __post_init__(self) -> None:
        """Check the values."""
        check_name(self.name)
        if not 0 <= self.minimum <= self.maximum <= MOST_WORKERS or self.maximum == 0:
            detail = f"--min {self.minimum} and --max {self.maximum} are not 0 <= min <= max, with a max of at least 1"
            raise FleetError(fleet=self.name, detail=detail)
        object.__setattr__(self, "tags", tags.checked(self.tags))

    @property
    def jobs_at_once(self) -> int:
        """Number of jobs that one worker runs at once."""
        return self.slots or max(1, self.gpus)

    @property
    def policy(self) -> ClaimPolicy:
        """The jobs that its workers take; by versions only as seen from where it is asked."""
        return ClaimPolicy(self.tags, self.version_mismatch)

    @property
    def cores(self) -> int:
        """Number of processor cores of one worker."""
        return self.cpus or self.jobs_at_once

    @property
    def workers_begin(self) -> str:
        """Beginning of the names of its workers."""
        return f"{self.name}."


def check_name(name: str) -> None:
    """Refuse a name that the engines do not all take.

    Raises:
        FleetError: the name is invalid.
    """
    if not _NAME.fullmatch(name):
        detail = "a name is at most 40 of a-z, 0-9 and -, begins with a letter and does not end with -"
        raise FleetError(fleet=name, detail=detail)
