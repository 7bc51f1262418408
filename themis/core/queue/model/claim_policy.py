"""Claim policy: the jobs that a worker takes, as a value and a pure function."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, get_args

from themis.core.components.provenance import DISTRIBUTION, themis_version
from themis.core.errors import InvalidArgumentError
from themis.core.python.distributions import installed_version
from themis.core.queue.model.manifest_file import Manifest
from themis.core.values import tags

VersionMismatch = Literal["run", "refuse"]
"""What becomes of a job that other versions submitted: run, saying so, or left for another worker."""


@dataclass(frozen=True, slots=True)
class ClaimPolicy:
    """Policy that `FileQueue.claim` takes as `allow`; equal ones give equal answers.

    Attributes:
        tags: what the worker has; a job is taken only when all its tags are among them.
        version_mismatch: what becomes of a job that another version of the library, or of a distribution that its
            components come from, submitted.

    Raises:
        TagError: a tag is invalid.
        InvalidArgumentError: `version_mismatch` is neither.
    """

    tags: Collection[str] = ()
    version_mismatch: VersionMismatch = "run"

    def __post_init__(self) -> None:
        """Check both."""
        object.__setattr__(self, "tags", frozenset(tags.checked(self.tags)))
        if self.version_mismatch not in get_args(VersionMismatch):
            detail = f"{self.version_mismatch!r} is neither run nor refuse"
            raise InvalidArgumentError(argument="version_mismatch", detail=detail)

    def __call__(self, manifest: Manifest) -> str | None:
        """See `why_not`."""
        return why_not(manifest, self)


def why_not(manifest: Manifest, policy: ClaimPolicy) -> str | None:
    """Reason why a worker of that policy skips a job; None when it takes it."""
    missing = [tag for tag in manifest.tags if tag not in policy.tags]
    if missing:
        return f"needs a worker with the tag {', '.join(missing)}"
    return version_difference(manifest) if policy.version_mismatch == "refuse" else None


def _version_here(distribution: str) -> str | None:
    return themis_version() if distribution == DISTRIBUTION else installed_version(distribution)


def version_difference(manifest: Manifest, version_here: Callable[[str], str | None] = _version_here) -> str | None:
    """Difference between the versions that submitted a job and those installed here; None without one."""
    submitted = {DISTRIBUTION: manifest.version, **manifest.distributions}
    different = [
        f"{name} {version} ({here or 'none'} here)"
        for name, version in submitted.items()
        if (here := version_here(name)) != version
    ]
    return f"was submitted by {', '.join(different)}" if different else None
