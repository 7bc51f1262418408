"""What a service tells systemd about itself, where systemd asks for it: sd_notify(3), with nothing but a datagram."""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

from themis.core.text.lines import one_line

_SEND_LIMIT_S = 1.0
_US = 1_000_000
_EARLY = 0.9  # a caller's clock is never exact: a ping that comes a tenth too early is sent, not left for the next call


class Notifier:
    """The way to systemd; without NOTIFY_SOCKET each method does nothing, and none raises: nobody waits for an answer.

    The variables are taken out of the environment, so that no child of this process speaks for it.

    Args:
        environment: by default that of this process.
    """

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        variables = os.environ if environment is None else environment
        self._address = _address(variables.pop("NOTIFY_SOCKET", ""))
        limit_us, pid = variables.pop("WATCHDOG_USEC", ""), variables.pop("WATCHDOG_PID", "")
        meant = self._address is not None and pid in {"", str(os.getpid())} and limit_us.isdecimal()
        self._interval_s = int(limit_us) / _US / 2 if meant else 0.0
        self._pinged_s = float("-inf")

    @property
    def interval_s(self) -> float | None:
        """Call `watchdog` at least so often, in seconds: twice in systemd's limit; None when it has set none."""
        return self._interval_s or None

    def ready(self, status: str) -> None:
        """Say that the start, or a reload, is over."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """Say that the settings are being read again; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Say in a line what `systemctl status` shows."""
        self._send(_status(text))

    def watchdog(self) -> None:
        """Say that this process is alive; call it as often as you like, it is sent every `interval_s`."""
        now_s = time.monotonic()
        if self._interval_s and now_s - self._pinged_s >= self._interval_s * _EARLY:
            self._pinged_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SEND_LIMIT_S)  # a manager that does not read must not stop the work
            sender.sendto("\n".join(lines).encode(errors="replace"), self._address)


def _address(name: str) -> str | None:
    """A socket's address as the system wants it; `@` begins one that is no file. Of another kind, it is none."""
    if name.startswith("/"):
        return name
    return f"\0{name[1:]}" if name.startswith("@") else None


def _status(text: str) -> str:
    return f"STATUS={one_line(text)}"
