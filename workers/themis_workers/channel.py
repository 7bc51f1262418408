"""Channels between a worker's processes: whole messages over a pair of connected sockets.

They are stream sockets, which every POSIX system has, and each message is preceded by its length. Where the kernel can
identify the sender of a message, it does so by the PID that the receiver sees: a process in a PID namespace does not
know its own PID outside.
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
"""Size that no message reaches. The largest is an order: a manifest of at most 65,536 bytes, which JSON within JSON may
double, and a few paths. Texts of people and components are cut before they become part of a message."""

_LENGTH = struct.Struct("!I")
_CREDENTIALS = struct.Struct("3i")
_MOST_DESCRIPTORS = 4
_CHUNK_BYTES = 65_536
_SPACE = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)

# Linux only: looked up by name, as the modules and type stubs of other systems lack them.
_PASS_CREDENTIALS: int | None = getattr(socket, "SO_PASSCRED", None)
_SENT_CREDENTIALS: int | None = getattr(socket, "SCM_CREDENTIALS", None)


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it arrived.

    Attributes:
        message: the message itself.
        sender: PID of the sender, from the kernel; None where the kernel does not provide it.
        descriptor: the open file that came with it, for the receiver to close; None without one.
    """

    message: Message
    sender: int | None = None
    descriptor: int | None = None


class Channel:
    """One end of a connection between two processes."""

    def __init__(self, end: socket.socket) -> None:
        """Wrap a connected stream socket, which is closed with the channel."""
        self._end = end
        self._waits = True
        self._patience_s: float | None = None
        self._pending = bytearray()
        self._sender: int | None = None
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """Its file descriptor."""
        return self._end.fileno()

    def stop_waiting(self, patience_s: float | None = None) -> None:
        """Make `receive` raise BlockingIOError while there is no message.

        Args:
            patience_s: seconds that the other end has to read what it is sent; None for no limit.
        """
        self._waits = False
        self._patience_s = patience_s

    def tell_senders(self) -> None:
        """Have the kernel identify the sender of each message from now on, where it can."""
        if _PASS_CREDENTIALS is not None:
            self._end.setsockopt(socket.SOL_SOCKET, _PASS_CREDENTIALS, 1)

    def send(self, message: Message, *, descriptor: int | None = None) -> None:
        """Send a message, together with a copy of an open file if one is given.

        Raises:
            OSError: the other end is gone or does not read, or the message is too long; it is never cut.
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
            BlockingIOError: no message is complete yet, and the channel does not wait.
            MessageError: the data is not a valid message; nothing after it can be decoded either.
        """
        while (data := self._whole()) is None:
            if not self._read():
                return None
        sender = self._sender
        descriptor = self._descriptors.pop(0) if self._descriptors else None
        return Received(decode(data), sender, descriptor)

    def close(self) -> None:
        """Close the connection, and the received descriptors that nobody has taken."""
        self._end.close()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> Self:
        """Return the channel itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _await_room(self, patience_s: float) -> None:
        """Wait until the other end has read some of what it was sent.

        Raises:
            TimeoutError: it has not done so in time.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._end, selectors.EVENT_WRITE)
            if not selector.select(max(patience_s, 0.0)):
                raise TimeoutError(errno.ETIMEDOUT, "it does not read what it is sent")

    def _whole(self) -> bytes | None:
        """The bytes of the first complete message; None while there is none."""
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
        """Read what has arrived, from one sender at a time; False when the other end is gone."""
        # By a flag, not by the mode of the socket, which a forked child shares.
        try:
            data, ancillary, _, _ = self._end.recvmsg(_CHUNK_BYTES, _SPACE, 0 if self._waits else socket.MSG_DONTWAIT)
        except ConnectionError:  # the other end is gone, with unread messages
            return False
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                found = array.array("i")
                found.frombytes(content[: len(content) - len(content) % found.itemsize])
                for descriptor in found:
                    os.set_inheritable(descriptor, False)  # noqa: FBT003  # positional only
                    self._descriptors.append(descriptor)
            elif level == socket.SOL_SOCKET and kind == _SENT_CREDENTIALS:
                # The kernel reports 0 for an unknown sender; a signal sent to 0 would go to the own process group.
                self._sender = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0] or None
        self._pending += data
        return bool(data)


def pair() -> tuple[Channel, Channel]:
    """Two connected channels; programs that this process starts inherit neither."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in ends:
        # A whole message should fit into the buffer. The kernel may grant less.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_BYTES)
    return Channel(ends[0]), Channel(ends[1])
