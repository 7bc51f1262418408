"""Installed distributions and their versions."""

from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions, version


@lru_cache(maxsize=1_024)
def installed_version(distribution_name: str) -> str | None:
    """Return the version of an installed distribution; None when it is not installed."""
    try:
        return version(distribution_name)
    except (PackageNotFoundError, ValueError):
        return None  # ValueError: not a possible name of a distribution


@lru_cache(maxsize=1_024)
def installed_name(distribution_name: str) -> str | None:
    """Return the name of an installed distribution as it spells it: `-`, `_` and `.` are the same; None without one."""
    try:
        return str(distribution(distribution_name).metadata["Name"])
    except (PackageNotFoundError, ValueError):
        return None


@lru_cache(maxsize=1_024)
def distributions_of(package: str) -> tuple[str, ...]:
    """Return the names of the distributions that bring a package or module of the top level.

    They are those of `importlib.metadata.packages_distributions`. That parses the list of files of each distribution
    that is installed, which takes half a second; here only a list that holds the name is parsed.
    """
    return tuple(found.metadata["Name"] for found in distributions() if _brings(found, package))


def _brings(found: Distribution, package: str) -> bool:
    if declared := (found.read_text("top_level.txt") or "").split():
        return package in declared
    listed = found.read_text("RECORD")
    if listed is not None and package not in listed:
        return False
    modules = (file for file in found.files or () if file.suffix == ".py")
    return any(package == (file.parts[0] if len(file.parts) > 1 else file.stem) for file in modules)
