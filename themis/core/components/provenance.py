"""Provenance: facts about this machine and this process, kept with a run, which decide nothing."""

import platform
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

from themis.core.components.plugins import COMPONENT_GROUPS, DATASET_GROUPS, SHIPPED, find_plugin
from themis.core.python.distributions import distributions_of, installed_name, installed_version

DISTRIBUTION = "themis-eval"
_DEPENDENCIES = ("pydantic", "click", "PyYAML", "filelock", "rich", "sacrebleu")
_GIT_TIMEOUT_S = 5.0
_MOST_LIBRARIES = 64
_told: ContextVar[dict[str, str | None] | None] = ContextVar("told by git", default=None)


@lru_cache(maxsize=1)
def themis_version() -> str:
    """Return the version of the installed library."""
    return installed_version(DISTRIBUTION) or "0+unknown"


def distribution_versions(uses: Iterable[str], libraries: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of the distributions, beside the library, that components come from or depend on.

    Args:
        uses: each id or `package.module:name` of a component or dataset; one without a distribution adds nothing.
        libraries: distributions that components depend on. Of very many the first are kept, as everybody who looks at
            a job reads them.
    """
    own = {name for use in uses if use not in SHIPPED for name in _distributions_of(use)}
    others = sorted(set(libraries) - own - {DISTRIBUTION})[:_MOST_LIBRARIES]
    return {name: found for name in sorted([*own, *others]) if (found := installed_version(name)) is not None}


def distribution_of(package: str) -> str | None:
    """Return the installed distribution of a package, as it is imported; None when there is none, or several."""
    if (name := installed_name(package)) is not None:
        return name
    found = set(distributions_of(package))
    return found.pop() if len(found) == 1 else None


def _distributions_of(use: str) -> list[str]:
    if ":" in use:
        return list(distributions_of(use.partition(":")[0].partition(".")[0]))
    found = [find_plugin(use, groups, where=use) for groups in (COMPONENT_GROUPS, DATASET_GROUPS)]
    return [plugin.distribution for plugin in found if plugin is not None]


def python_version() -> str:
    """Return the version of the running Python."""
    return platform.python_version()


@lru_cache(maxsize=1)
def platform_name() -> str:
    """Return the operating system, its release and the machine's architecture."""
    return platform.platform()


@lru_cache(maxsize=1)
def dependency_versions() -> dict[str, str]:
    """Return the versions of the libraries that can change a result; those that are not installed are absent."""
    return {name: found for name in _DEPENDENCIES if (found := installed_version(name)) is not None}


def git_commit(folder: Path | None = None) -> str | None:
    """Return the git commit of a folder, with `-dirty` when its files differ from it; None outside a repository."""
    place = str(folder or Path.cwd())
    told = _told.get()
    if told is None:
        return _ask_git(place)
    if place not in told:
        told[place] = _ask_git(place)
    return told[place]


@contextmanager
def git_asked_once() -> Iterator[None]:
    """A block in which git is asked about each folder once: for many experiments of a folder that takes long."""
    token = _told.set({})
    try:
        yield
    finally:
        _told.reset(token)


def _ask_git(place: str) -> str | None:
    command = ["git", "-C", place, "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
