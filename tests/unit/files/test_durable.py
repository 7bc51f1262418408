import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from themis.core.files import durable


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def steps() -> Iterator[list[str]]:
    seen: list[str] = []
    before = durable.set_observer(lambda kind, *_: seen.append(kind))
    yield seen
    durable.set_observer(before)


def test_a_file_is_published_whole_and_each_step_is_announced(tmp_path: Path, steps: list[str]) -> None:
    durable.publish(tmp_path / ".hidden", tmp_path / "file", b"x" * 100_000)
    assert (tmp_path / "file").read_bytes() == b"x" * 100_000
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert _names(tmp_path) == ["file"]
    assert steps == ["write", "fsync", "rename", "fsync_folder"]


def test_a_file_is_written_whole_though_the_system_takes_a_few_bytes_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    write = os.write

    def few(descriptor: int, data: bytes) -> int:
        sizes.append(write(descriptor, data[:7]))
        return sizes[-1]

    monkeypatch.setattr(os, "write", few)
    durable.write_synced(tmp_path / "file", b"0123456789" * 3)
    assert (tmp_path / "file").read_bytes() == b"0123456789" * 3
    assert sizes == [7, 7, 7, 7, 2]


def test_a_file_that_cannot_be_published_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        durable.publish(tmp_path / ".hidden", tmp_path / "missing" / "file", b"x")
    assert _names(tmp_path) == []


def test_of_two_who_publish_once_the_first_wins(tmp_path: Path) -> None:
    assert durable.publish_once(tmp_path / ".a", tmp_path / "file", b"first")
    assert not durable.publish_once(tmp_path / ".b", tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert _names(tmp_path) == ["file"]


def test_a_rename_that_was_done_already_is_done(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    durable.rename(tmp_path / "source", tmp_path / "target")
    with pytest.raises(FileNotFoundError):
        durable.rename(tmp_path / "source", tmp_path / "other")


def test_folders_are_made_down_to_the_last_which_may_be_private(tmp_path: Path) -> None:
    durable.make_folder(tmp_path / "a" / "b", private=True)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    durable.make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        durable.make_folder(tmp_path / "file" / "below")


def test_a_private_file_is_made_once_and_not_touched_again(tmp_path: Path) -> None:
    durable.make_private_file(tmp_path / "file")
    (tmp_path / "file").write_text("kept")
    durable.make_private_file(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert _names(tmp_path) == ["file"]


def test_trying_whether_files_can_move_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    durable.probe_rename(tmp_path / "a", tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        durable.probe_rename(tmp_path / "a", tmp_path / "c")
    assert _names(tmp_path / "a") == _names(tmp_path / "b") == []
