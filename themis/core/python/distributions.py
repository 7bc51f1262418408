"""Installed distributions and their versions."""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache(maxsize=1_024)
def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution; None when it is not installed."""
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):
        return None  # ValueError: not a possible name of a distribution
