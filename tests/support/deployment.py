"""What `deploy/` holds, made fit for this machine, and the tools that try it."""

import functools
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"
SCRIPTS = Path(sysconfig.get_path("scripts"))
_SBIN = os.pathsep.join(["/usr/local/sbin", "/usr/sbin", "/sbin"])


def tool(name: str, package: str) -> str:
    """Path of a program; the test is skipped where it is missing, and says what would bring it."""
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PATH", os.defpath), _SBIN])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not here; it comes with {package}")
    return found


def root_only(why: str) -> None:
    """Skip the test for whoever is not root."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root: {why}")


@functools.cache
def themis_help(*command: str) -> subprocess.CompletedProcess[str]:
    """What a command says about itself."""
    return run(sys.executable, "-m", "themis", *command, "--help")


def run(*words: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; whatever comes of it is the caller's to judge."""
    return subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def fitted(file: Path, home: Path, *, user: str = "root") -> str:
    """The text of a file of `deploy/`, with this Python's commands, `home` for the data and another user."""
    text = file.read_text(encoding="utf-8")
    text = text.replace("/opt/themis/bin", str(SCRIPTS)).replace("/var/lib/themis", str(home))
    return text.replace("* themis cd", f"* {user} cd")
