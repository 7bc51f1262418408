"""Messages between a worker's processes: one JSON object a packet, over a socket pair that keeps packets whole."""

import array
import errno
import json
import socket
import struct
from typing import Any

MAX_BYTES = 262_144
"""More than any message takes. The largest is an order: a manifest of no more than 65,536 bytes, which JSON within JSON
may double, and paths around it. Whatever people or components wrote was cut before it became part of a message."""

_CREDENTIALS = struct.Struct("3i")


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends; neither is inherited by a program that this process starts."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        # A packet must fit into it as a whole. The kernel doubles what it is asked for, as far as it permits.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_BYTES)
    return ends


def send(channel: socket.socket, message: dict[str, Any], *, descriptor: int | None = None) -> None:
    """Send a message, and with it a copy of an open file if one is given.

    Raises:
        OSError: the other end is gone, or reads nothing; or the message is too long, which is said and not cut.
    """
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MAX_BYTES:
        raise OSError(errno.EMSGSIZE, f"a message of {len(data):,} bytes is longer than {MAX_BYTES:,}")
    rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    channel.sendmsg([data], rights)


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next message; None when the other end is gone. What is no message counts as an empty one.

    Raises:
        BlockingIOError: there is none yet, and the channel does not wait.
    """
    try:
        data = channel.recv(MAX_BYTES)
    except ConnectionError:  # it went without having read everything
        return None
    return _decoded(data) if data else None


def receive_with_sender(channel: socket.socket) -> tuple[dict[str, Any] | None, int | None]:
    """The next message, and the process that sent it as the kernel knows it: by its number in *this* namespace.

    `tell_senders` must have been called for the channel before it was sent; else the sender is None, as is one that has
    no number here.
    """
    try:
        data, ancillary, _, _ = channel.recvmsg(MAX_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
    except ConnectionError:  # as above
        return None, None
    sender = next(
        (
            _CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0]
            for level, kind, content in ancillary
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)
        ),
        None,
    )
    # The kernel says 0 where it knows nobody; to send that a signal would send it to this process's own group.
    return (_decoded(data) if data else None), sender or None


def receive_with_descriptor(channel: socket.socket) -> tuple[dict[str, Any] | None, int | None]:
    """The next message, and the open file that came with it."""
    try:
        data, descriptors, _, _ = socket.recv_fds(channel, MAX_BYTES, 1)
    except ConnectionError:  # as above
        return None, None
    return (_decoded(data) if data else None), next(iter(descriptors), None)


def tell_senders(channel: socket.socket) -> None:
    """Have the kernel say of each message on `channel` who sent it."""
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
