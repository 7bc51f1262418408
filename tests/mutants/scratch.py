"""A copy of the repository in which files are changed, and its tests run: the real one is never touched."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.project_copy import PROJECT, copy_project

REPOSITORY = PROJECT


class Copy:
    """The copy in `folder/tree`, made fresh."""

    def __init__(self, folder: Path) -> None:
        """Copy the repository as it is now."""
        self.folder = folder
        self.tree = folder / "tree"
        self._before: dict[str, str] = {}
        shutil.rmtree(self.tree, ignore_errors=True)
        self.tree.mkdir(parents=True)
        copy_project(self.tree)
        # Tests look for their data beside the repository.
        for neighbour in ("shared",):
            if (REPOSITORY.parent / neighbour).exists() and not (folder / neighbour).exists():
                (folder / neighbour).symlink_to(REPOSITORY.parent / neighbour)

    def write(self, path: str, text: str) -> None:
        """Change a file, in a way that no cached bytecode of it hides."""
        target = self.tree / path
        self._before.setdefault(path, target.read_text(encoding="utf-8"))
        target.write_text(text, encoding="utf-8")
        for stale in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
            stale.unlink()

    def restore(self, path: str) -> None:
        """Put a file back as it was."""
        self.write(path, self._before[path])

    def pytest(
        self, arguments: Sequence[str], timeout_s: float, variables: Mapping[str, str] | None = None
    ) -> tuple[int | None, str]:
        """Run tests in the copy; the exit code, None when they did not end in time, and what was printed."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
        temporary = self.folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.tree),
            "TMPDIR": str(temporary),
            **(variables or {}),
        }
        with subprocess.Popen(
            command,
            cwd=self.tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                _kill_session(process.pid)
                process.communicate()
                return None, ""
            _kill_session(process.pid)
        return process.returncode, output


def _kill_session(leader: int) -> None:
    """Kill what tests have left: the processes whose session `leader` made."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == leader:
                os.kill(int(folder.name), signal.SIGKILL)
        except (OSError, IndexError):
            continue
