"""Files in a folder that others may write to: links, pipes, folders and floods in the place of what one expects."""

import errno
import os
from pathlib import Path

import pytest

from themis.core.files import guarded


def test_no_more_is_read_than_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1_000)
    assert guarded.read(tmp_path / "file", 10) == b"x" * 10
    assert guarded.read(tmp_path / "file", 5_000) == b"x" * 1_000


def test_a_link_is_neither_read_nor_written_through(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("precious")
    link.symlink_to(victim)
    for opened in (guarded.open_to_read, guarded.open_to_append):
        with pytest.raises(OSError) as caught:  # noqa: PT011  # its number says which
            opened(link)
        assert caught.value.errno == errno.ELOOP
    guarded.replace(link, b"new")
    assert (victim.read_text(), link.read_text(), link.is_symlink()) == ("precious", "new", False)


def test_nobody_is_waited_for_at_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert guarded.read(tmp_path / "pipe", 10) == b""
    with pytest.raises(OSError) as caught:  # noqa: PT011
        guarded.open_to_append(tmp_path / "pipe")
    assert caught.value.errno == errno.ENXIO


def test_a_folder_is_no_file_and_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(IsADirectoryError):
        guarded.read(tmp_path, 10)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):  # noqa: PT011
        guarded.replace(tmp_path / "taken", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_what_was_left_half_written_under_the_same_number_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / f".file.{os.getpid()}").symlink_to(tmp_path / "victim")
    guarded.replace(tmp_path / "file", b"new", 0o644)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
