"""Messages arrive whole, in order, from whom the kernel says, or are refused where they are said."""

import errno
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from themis.core.errors import MessageError
from themis.core.queue.model import manifest_file
from themis.core.queue.model.manifest_file import Limits, Manifest
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import job_key
from themis_workers import capabilities, channel
from themis_workers.channel import Channel, Received, pair
from themis_workers.messages import Kill, NotStarted, Refused, RunJob, Started, StartSupervisor, Terminate

STORE = StoreAddress("sqlite", "/srv/runs/themis.sqlite3", "id")


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    ours, its = pair()
    with ours, its:
        yield ours, its


@pytest.fixture
def raw() -> Iterator[tuple[Channel, socket.socket]]:
    """A channel, and what is at its other end as a bare socket."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with Channel(ours) as made, its:
        made.stop_waiting()
        yield made, its


def _largest_manifest(sign: str) -> str:
    """The text of a manifest as large as one may be, of a sign that JSON escapes."""
    manifest = Manifest(
        key=job_key("run", STORE.id),
        run_id="run",
        store=STORE,
        limits=Limits(),
        priority=5,
        submitted_ns=1,
        version="1",
        payload={"text": ""},
    )
    room = manifest_file.MAX_BYTES - len(manifest_file.encode(manifest)) - 1
    count = room // (len(json.dumps(sign)) - 2)
    return manifest_file.encode(replace(manifest, payload={"text": sign * count})).decode()


@pytest.mark.parametrize("sign", ['"', "\\", "漢"])
def test_the_largest_manifest_arrives_in_an_order(ends: tuple[Channel, Channel], sign: str) -> None:
    text = _largest_manifest(sign)
    assert len(text) > manifest_file.MAX_BYTES - 10
    order = RunJob("k", 1, text, "/" * 4_000, 1)
    ends[0].stop_waiting(5.0)
    ends[0].send(order)
    assert ends[1].receive() == Received(order)


def test_a_message_that_is_too_long_is_refused_and_not_cut(ends: tuple[Channel, Channel]) -> None:
    with pytest.raises(OSError, match="is longer than") as raised:
        ends[0].send(Refused("x" * channel.MAX_BYTES))
    assert raised.value.errno == errno.EMSGSIZE
    ends[0].send(Kill())
    assert ends[1].receive() == Received(Kill())


@pytest.mark.skipif(not capabilities.tells_senders(), reason="the kernel does not say who sent a message")
def test_messages_arrive_whole_in_order_and_with_their_sender(ends: tuple[Channel, Channel]) -> None:
    ours, its = ends
    ours.tell_senders()
    child = os.fork() if threading.active_count() == 1 else None
    if child == 0:
        its.send(Started(os.getpid()))
        os._exit(0)
    if child is not None:
        os.waitpid(child, 0)
        assert ours.receive() == Received(Started(child), child)
    its.send(Terminate())
    its.send(NotStarted("ü" * 10_000))
    assert ours.receive() == Received(Terminate(), os.getpid())
    assert ours.receive() == Received(NotStarted("ü" * 10_000), os.getpid())
    its.close()
    assert ours.receive() is None


def test_who_cannot_be_told_is_nobody_and_not_a_number_that_means_a_group(ends: tuple[Channel, Channel]) -> None:
    ours, its = ends
    its.send(Kill())
    ours.tell_senders()
    assert ours.receive() == Received(Kill(), None)


def test_an_end_that_went_without_reading_everything_is_gone_like_any_other(ends: tuple[Channel, Channel]) -> None:
    ours, its = ends
    ours.send(Kill())
    its.close()
    assert ours.receive() is None
    with pytest.raises(BrokenPipeError):
        ours.send(Kill())


def test_a_message_is_not_waited_for_by_who_does_not_wait(raw: tuple[Channel, socket.socket]) -> None:
    ours, its = raw
    whole = struct.pack("!I", 15) + b'{"type":"Kill"}'
    for byte in whole:
        with pytest.raises(BlockingIOError):
            ours.receive()
        its.send(bytes([byte]))
    assert ours.receive() == Received(Kill())
    its.send(whole + whole + whole[:3])
    assert [ours.receive(), ours.receive()] == [Received(Kill())] * 2
    with pytest.raises(BlockingIOError):
        ours.receive()
    its.close()
    assert ours.receive() is None, "what was begun and is not ended says nothing"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("!I", 7) + b"no JSON", "not JSON"),
        (struct.pack("!I", 0), "not JSON"),
        (b"GET / HTTP/1.1\r\n", "is announced"),
        (struct.pack("!I", channel.MAX_BYTES + 1), "is announced"),
    ],
)
def test_what_is_no_message_is_refused(raw: tuple[Channel, socket.socket], data: bytes, words: str) -> None:
    raw[1].send(data)
    with pytest.raises(MessageError, match=words):
        raw[0].receive()


def test_who_reads_nothing_is_waited_for_no_longer_than_was_said(ends: tuple[Channel, Channel]) -> None:
    ours, its = ends
    ours.stop_waiting(0.2)
    message = Refused("x" * 200_000)
    began_s = time.monotonic()

    def flood() -> None:
        for _ in range(100):
            ours.send(message)

    with pytest.raises(TimeoutError, match="does not read"):
        flood()
    assert time.monotonic() - began_s < 10.0
    assert its.receive() == Received(message)


def test_an_open_file_goes_along_and_is_not_inherited(ends: tuple[Channel, Channel], tmp_path: Path) -> None:
    ours, its = ends
    with (tmp_path / "file").open("wb") as file:
        its.send(StartSupervisor(), descriptor=file.fileno())
        received = ours.receive()
        assert received is not None
        assert received.descriptor is not None
        assert not os.get_inheritable(received.descriptor)
        os.write(received.descriptor, b"written")
        os.close(received.descriptor)
    assert (tmp_path / "file").read_bytes() == b"written"


def test_an_open_file_that_nobody_took_is_closed_with_the_channel(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    ours, its = pair()
    its.send(StartSupervisor(), descriptor=writes)
    os.close(writes)
    ours.stop_waiting()
    ours._read()
    ours.close()
    its.close()
    assert os.read(reads, 1) == b""
    os.close(reads)


def test_neither_end_of_a_channel_is_inherited(ends: tuple[Channel, Channel]) -> None:
    assert not any(os.get_inheritable(end.fileno()) for end in ends)
