"""Claim policy: the jobs that a worker takes, as a value and a pure function."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, get_args

from themis.core.components.provenance import DISTRIBUTION, python_version, themis_version
from themis.core.errors import InvalidArgumentError
from themis.core.python.distributions import installed_version
from themis.core.queue.model.manifest_file import Manifest
from themis.core.values import tags

VersionMismatch = Literal["run", "refuse"]
"""Handling of a job that other versions submitted: run it and say so, or leave it for another worker."""

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ClaimPolicy:
    """Policy for claiming, passed to `FileQueue.claim` as `allow`; equal policies give equal answers.

    Attributes:
        tags: tags that the worker serves; a job is taken only when all its tags are among them.
        version_mismatch: how to handle a job that was submitted with another version of the library, of Python, or of
            a distribution that its components come from or depend on.

    Raises:
        TagError: a tag is invalid.
        InvalidArgumentError: `version_mismatch` is invalid.
    """

    tags: Collection[str] = ()
    version_mismatch: VersionMismatch = "run"

    def __post_init__(self) -> None:
        """Check both fields."""
        object.__setattr__(self, "tags", frozenset(tags.checked(self.tags)))
        if self.version_mismatch not in get_args(VersionMismatch):
            detail = f"{self.version_mismatch!r} is neither run nor refuse"
            raise InvalidArgumentError(argument="version_mismatch", detail=detail)

    def __call__(self, manifest: Manifest) -> str | None:
        """Return the reason for skipping a job, see `why_not`."""
        return why_not(manifest, self)


def why_not(manifest: Manifest, policy: ClaimPolicy) -> str | None:
    """Return the reason why a worker with that policy skips a job; None when it takes the job."""
    missing = [tag for tag in manifest.tags if tag not in policy.tags]
    if missing:
        return f"needs a worker with the tag {', '.join(missing)}"
    return version_difference(manifest) if policy.version_mismatch == "refuse" else None


def _version_here(distribution: str) -> str | None:
    return themis_version() if distribution == DISTRIBUTION else installed_version(distribution)


def version_difference(
    manifest: Manifest, version_here: Callable[[str], str | None] = _version_here, python_here: str | None = None
) -> str | None:
    """Return the difference between the versions that submitted a job and those installed here; None without one.

    Of Python the first two numbers count.

    Args:
        manifest: the job's.
        version_here: returns the version of a distribution that is installed here.
        python_here: the version of Python here; None for that of this process.
    """
    submitted = {DISTRIBUTION: manifest.version, **manifest.distributions}
    different = [
        f"{name} {version} ({_here(found)})"
        for name, version in submitted.items()
        if (found := version_here(name)) != version
    ]
    python_here = python_here or python_version()
    if manifest.python is not None and minor_version(manifest.python) != minor_version(python_here):
        different.insert(0, f"Python {manifest.python} ({_here(python_here)})")
    if not different:
        return None
    more = len(different) - _SHOWN
    return f"was submitted with {', '.join(different[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"


def minor_version(python: str) -> str:
    """Return the part of a version of Python by which what runs on it may differ: `3.12` of `3.12.3`."""
    return ".".join(python.split(".")[:2])


def _here(version: str | None) -> str:
    return "not installed here" if version is None else f"here {version}"
