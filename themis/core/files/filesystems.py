"""Filesystem type of a path, to decide whether locks and shared memory work there."""

import os
import re
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")

_NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "virtiofs", "afs", "coda"}
    | {"lustre", "ceph", "glusterfs", "gpfs", "beegfs", "pvfs2", "orangefs"}
)
_LOCAL_FUSE_TYPES = frozenset({"fuseblk", "fuse.fuseblk"})

_OCTAL = re.compile(r"\\([0-7]{3})")


def network_filesystem(path: Path | str) -> str | None:
    """Return the type of the network filesystem that holds `path` or its nearest existing parent.

    None for a local filesystem, and when the system does not tell (`/proc/self/mountinfo` is Linux's). FUSE counts as
    network unless it belongs to a block device: the storage behind it cannot be known.
    """
    kind = filesystem_type(path)
    if kind is None or kind in _LOCAL_FUSE_TYPES:
        return None
    return kind if kind in _NETWORK_TYPES or kind == "fuse" or kind.startswith("fuse.") else None


def filesystem_type(path: Path | str, mountinfo: Path = _MOUNTINFO) -> str | None:
    """Return the type of the filesystem that holds `path` or its nearest existing parent; None when it is unknown."""
    try:
        text = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    real = _nearest_existing(path)
    best_length, best_type = -1, None
    for mount_point, kind in _mounts(text):
        # A later line for the same mount point covers the earlier one.
        if len(mount_point) >= best_length and _lies_under(real, mount_point):
            best_length, best_type = len(mount_point), kind
    return best_type


def _nearest_existing(path: Path | str) -> str:
    real = os.path.realpath(path)
    while not os.path.lexists(real):
        real = os.path.dirname(real)  # noqa: PTH120  # text in, text out: compared with mount points as text
    return real


def _mounts(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if separator and len(fields) > 4:  # noqa: PLR2004  # see proc(5): the fifth field is the mount point
            found.append((_OCTAL.sub(_unescape, fields[4]), kinds[0]))
    return found


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))


def _lies_under(path: str, mount_point: str) -> bool:
    return mount_point in {"/", path} or path.startswith(mount_point + "/")
