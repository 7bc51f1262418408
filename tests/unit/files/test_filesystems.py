from pathlib import Path

import pytest

from themis.core.files import filesystems
from themis.core.files.filesystems import filesystem_type, network_filesystem

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:40 / /mnt/shared rw shared:1 - nfs4 server:/export rw
31 30 0:41 / /mnt/shared/local rw - ext4 /dev/vdb rw
32 27 0:42 / /mnt/with\040space rw - fuse.sshfs host:/ rw
33 27 0:43 / /mnt/ntfs rw - fuseblk /dev/vdc rw
34 27 0:44 / /mnt/over rw - ext4 /dev/vdd rw
35 27 0:45 / /mnt/over rw - cifs //server/share rw
a line that is not one of them
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/somebody/not/there", "ext4"),
        ("/mnt/shared", "nfs4"),
        ("/mnt/shared/deep/er", "nfs4"),
        ("/mnt/shared/local/x", "ext4"),
        ("/mnt/sharedother", "ext4"),
        ("/mnt/with space/x", "fuse.sshfs"),
        ("/mnt/ntfs/x", "fuseblk"),
        ("/mnt/over/x", "cifs"),
    ],
)
def test_a_path_lies_on_the_last_mount_that_is_nearest_above_it(
    path: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTS)
    monkeypatch.setattr(filesystems, "_nearest_existing", str)
    assert filesystem_type(path, mountinfo) == kind


def test_nothing_is_known_where_the_system_does_not_tell(tmp_path: Path) -> None:
    assert filesystem_type(tmp_path, tmp_path / "nothing") is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "lustre", "ceph", "9p", "virtiofs", "fuse.sshfs"])
def test_network_filesystems_are_known_by_their_types(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "filesystem_type", lambda _: kind)
    assert network_filesystem("/x") == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuseblk", None])
def test_local_filesystems_are_not(kind: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "filesystem_type", lambda _: kind)
    assert network_filesystem("/x") is None


def test_the_folder_of_the_tests_is_local(tmp_path: Path) -> None:
    assert network_filesystem(tmp_path / "not" / "there") is None
