"""Channels between a worker's processes: whole messages over a pair of connected sockets.

They are stream sockets, which every POSIX system has, with the length of each message before it. Where the kernel can
say who sent a message, it does, by the number that the receiver knows the process by: one in a PID namespace does not
know its own number outside.
"""

import array
import errno
import os
import selectors
import socket
import struct
import time
from dataclasses import dataclass
from typing import Self

from themis.core.errors import MessageError
from themis_workers.messages import Message, decode, encode

MAX_BYTES = 262_144
"""More than any message takes. The largest is an order: a manifest of no more than 65,536 bytes, which JSON within JSON
may double, and paths around it. Whatever people or components wrote was cut before it became part of a message."""

_LENGTH = struct.Struct("!I")
_CREDENTIALS = struct.Struct("3i")
_MOST_DESCRIPTORS = 4
_CHUNK_BYTES = 65_536
_SPACE = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)

# Of Linux alone: named here, as other systems' type stubs and modules lack them.
_PASS_CREDENTIALS: int | None = getattr(socket, "SO_PASSCRED", None)
_SENT_CREDENTIALS: int | None = getattr(socket, "SCM_CREDENTIALS", None)


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it arrived.

    Attributes:
        message: what was said.
        sender: the process that said it, as the kernel knows it; None where it does not tell.
        descriptor: the open file that came along, which is the receiver's to close; None when there was none.
    """

    message: Message
    sender: int | None = None
    descriptor: int | None = None


class Channel:
    """One end of a connection between two processes."""

    def __init__(self, end: socket.socket) -> None:
        """Over a connected stream socket, which is closed with it."""
        self._end = end
        self._waits = True
        self._patience_s: float | None = None
        self._pending = bytearray()
        self._sender: int | None = None
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """The number of its descriptor."""
        return self._end.fileno()

    def stop_waiting(self, patience_s: float | None = None) -> None:
        """Have `receive` raise BlockingIOError where there is no message yet.

        Args:
            patience_s: seconds that the other end has to read what it is sent; None for as long as it lives.
        """
        self._waits = False
        self._patience_s = patience_s

    def tell_senders(self) -> None:
        """Have the kernel say of each message that is sent from now on who sent it, where it can."""
        if _PASS_CREDENTIALS is not None:
            self._end.setsockopt(socket.SOL_SOCKET, _PASS_CREDENTIALS, 1)

    def send(self, message: Message, *, descriptor: int | None = None) -> None:
        """Send a message, and with it a copy of an open file if one is given.

        Raises:
            OSError: the other end is gone, or reads nothing; or the message is too long, which is said and not cut.
        """
        data = encode(message)
        if len(data) > MAX_BYTES:
            raise OSError(errno.EMSGSIZE, f"a message of {len(data):,} bytes is longer than {MAX_BYTES:,}")
        frame = memoryview(_LENGTH.pack(len(data)) + data)
        rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        flags = 0 if self._patience_s is None else socket.MSG_DONTWAIT
        patient_until = time.monotonic() + (self._patience_s or 0.0)
        while frame:
            try:
                frame = frame[self._end.sendmsg([frame], rights, flags) :]
                rights = []
            except BlockingIOError:
                self._await_room(patient_until - time.monotonic())

    def receive(self) -> Received | None:
        """The next message; None when the other end is gone.

        Raises:
            BlockingIOError: there is no whole one yet, and the channel does not wait.
            MessageError: what came is no message of ours; nothing that follows can be understood.
        """
        while (data := self._whole()) is None:
            if not self._read():
                return None
        sender = self._sender
        descriptor = self._descriptors.pop(0) if self._descriptors else None
        return Received(decode(data), sender, descriptor)

    def close(self) -> None:
        """Nothing more is said or heard; what came along and was not taken is closed."""
        self._end.close()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> Self:
        """The channel itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _await_room(self, patience_s: float) -> None:
        """Wait until the other end has read some of what it was sent.

        Raises:
            TimeoutError: it has not.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._end, selectors.EVENT_WRITE)
            if not selector.select(max(patience_s, 0.0)):
                raise TimeoutError(errno.ETIMEDOUT, "it does not read what it is sent")

    def _whole(self) -> bytes | None:
        """The first message that has come whole; None when there is none."""
        if len(self._pending) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._pending)
        if length > MAX_BYTES:
            raise MessageError(detail=f"a message of {length:,} bytes is announced")
        end = _LENGTH.size + length
        if len(self._pending) < end:
            return None
        data = bytes(self._pending[_LENGTH.size : end])
        del self._pending[:end]
        return data

    def _read(self) -> bool:
        """Take what has come; False when the other end is gone. What several processes sent comes one by one."""
        # Not by the socket's own mode: a forked child shares that.
        try:
            data, ancillary, _, _ = self._end.recvmsg(_CHUNK_BYTES, _SPACE, 0 if self._waits else socket.MSG_DONTWAIT)
        except ConnectionError:  # it went without having read everything
            return False
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                found = array.array("i")
                found.frombytes(content[: len(content) - len(content) % found.itemsize])
                for descriptor in found:
                    os.set_inheritable(descriptor, False)  # noqa: FBT003  # the function's own way
                    self._descriptors.append(descriptor)
            elif level == socket.SOL_SOCKET and kind == _SENT_CREDENTIALS:
                # The kernel says 0 where it knows nobody; to send that a signal would send it to this process's group.
                self._sender = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0] or None
        self._pending += data
        return bool(data)


def pair() -> tuple[Channel, Channel]:
    """Two connected ends; neither is inherited by a program that this process starts."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in ends:
        # A message should fit into it as a whole. The kernel gives as much of that as it permits.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_BYTES)
    return Channel(ends[0]), Channel(ends[1])
