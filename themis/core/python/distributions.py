"""Installed distributions and their versions."""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache(maxsize=1_024)
def installed_version(distribution: str) -> str | None:
    """Version of a distribution that is installed; None when it is not."""
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):
        return None  # ValueError: no distribution can be called so
