"""Commands run as a user who is nobody else, from tests that run as root."""

import functools
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

UID = 12_345


@functools.cache
def is_possible() -> bool:
    """Whether this process may become that user, and the tools for it are here; tried out, once."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return False
    return subprocess.run([*command_prefix(), "true"], capture_output=True, check=False).returncode == 0


def command_prefix(*folders: Path) -> Sequence[str]:
    """What to put before a command so that it runs as the ordinary user, who can reach `folders` and this Python.

    These may lie in folders that are closed to others, such as root's home. So in a mount namespace of its own
    each such folder is covered by an empty one, in which only what is needed appears again.
    """
    wanted = list(dict.fromkeys([Path(sys.base_prefix), Path(sys.prefix), *folders]))
    closed = {top: None for path in wanted if (top := _closed_ancestor(path)) is not None}
    lines = ["set -e", "mount --make-rprivate /", "mount -t tmpfs -o mode=755 tmpfs /mnt"]
    for number, path in enumerate(wanted):
        lines += [f"mkdir /mnt/{number}", f"mount --bind {shlex.quote(str(path))} /mnt/{number}"]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(top))}" for top in closed]
    for number, path in enumerate(wanted):
        if any(path.is_relative_to(top) for top in closed):
            where = shlex.quote(str(path))
            lines += [f"mkdir -p {where}", f"mount --bind /mnt/{number} {where}"]
    lines.append(f'exec setpriv --reuid={UID} --regid={UID} --clear-groups --inh-caps=-all --bounding-set=-all "$@"')
    return ("unshare", "--mount", "sh", "-c", "\n".join(lines), "sh")


def hand_over(folder: Path) -> None:
    """Make a folder, and all that is in it, the ordinary user's."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, UID, UID, follow_symlinks=False)


def _closed_ancestor(path: Path) -> Path | None:
    return next((parent for parent in reversed(path.parents) if not parent.stat().st_mode & stat.S_IXOTH), None)
