"""What is true of this machine and this process: the part of a run's record that decides nothing."""

import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "themis-eval"
_DEPENDENCIES = ("pydantic", "click", "PyYAML", "filelock", "rich", "sacrebleu")
_GIT_TIMEOUT_S = 5.0


@lru_cache(maxsize=1)
def themis_version() -> str:
    """Version of the installed library."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0+unknown"


def python_version() -> str:
    """Version of the running Python."""
    return platform.python_version()


@lru_cache(maxsize=1)
def platform_name() -> str:
    """Operating system, its release and the machine's architecture."""
    return platform.platform()


@lru_cache(maxsize=1)
def dependency_versions() -> dict[str, str]:
    """Versions of the libraries that can change a result; those that are not installed are absent."""
    found = {}
    for name in _DEPENDENCIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_commit(folder: Path | None = None) -> str | None:
    """The commit that a folder's files are at, with `-dirty` when they differ from it; None outside a repository."""
    command = ["git", "-C", str(folder or Path.cwd()), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
