"""What Linux tells."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers import linux, messages


def test_descendants_are_found_however_deep() -> None:
    before = set(linux.descendants(os.getpid()))  # of other tests
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        while len(found := [pid for pid in linux.descendants(os.getpid()) if pid not in before]) < 2:
            assert process.poll() is None
        assert found[0] == process.pid
        process.communicate(b"\n")


def test_what_appears_in_a_watched_folder_is_told_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    descriptor = linux.inotify_open()
    try:
        number = linux.inotify_watch(descriptor, str(tmp_path / "watched"))
        (tmp_path / "made elsewhere").touch()
        (tmp_path / "watched" / "made").touch()
        (tmp_path / "made elsewhere").rename(tmp_path / "watched" / "moved")
        (tmp_path / "watched" / "made").unlink()
        (tmp_path / "watched" / "moved").rename(tmp_path / "gone")
        assert list(linux.inotify_events(os.read(descriptor, 4_096))) == [(number, "made"), (number, "moved")]
    finally:
        os.close(descriptor)


def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    descriptor = linux.inotify_open()
    try:
        with pytest.raises(FileNotFoundError):
            linux.inotify_watch(descriptor, str(tmp_path / "nowhere"))
    finally:
        os.close(descriptor)


def test_messages_arrive_whole_in_order_and_with_their_sender() -> None:
    ours, its = messages.pair()
    with ours, its:
        messages.tell_senders(ours)
        messages.send(its, {"event": "one"})
        messages.send(its, {"event": "two", "text": "ü" * 10_000})
        assert messages.receive_with_sender(ours) == ({"event": "one"}, os.getpid())
        message, sender = messages.receive_with_sender(ours)
        assert message is not None
        assert (message["text"], sender) == ("ü" * 10_000, os.getpid())
        its.close()
        assert messages.receive_with_sender(ours)[0] is None


@pytest.mark.parametrize("data", [b"no JSON", b"[1]", b"\xff", b"[" * 100_000])
def test_what_is_no_message_counts_as_an_empty_one(data: bytes) -> None:
    ours, its = messages.pair()
    with ours, its:
        its.send(data)
        assert messages.receive(ours) == {}


def test_an_open_file_goes_along(tmp_path: Path) -> None:
    ours, its = messages.pair()
    with ours, its, (tmp_path / "file").open("wb") as file:
        messages.send(its, {"take": "this"}, descriptor=file.fileno())
        message, descriptor = messages.receive_with_descriptor(ours)
        assert message == {"take": "this"}
        assert descriptor is not None
        os.write(descriptor, b"written")
        os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"written"


def test_neither_end_of_a_channel_is_inherited() -> None:
    ours, its = messages.pair()
    with ours, its:
        assert not any(os.get_inheritable(end.fileno()) for end in (ours, its))
