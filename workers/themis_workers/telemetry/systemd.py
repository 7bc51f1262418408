"""Notifications to systemd, if it asks for them: sd_notify(3) without a library, by plain datagrams."""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

from themis.core.text.lines import one_line

_SEND_LIMIT_S = 1.0
_US = 1_000_000
_EARLY = 0.9  # a call that comes up to a tenth too early sends a ping, instead of leaving it to the next call


class Notifier:
    """Connection to systemd; without NOTIFY_SOCKET its methods do nothing. None of them raises, or waits for an answer.

    The variables are removed from the environment, so that no child process can notify systemd in its place.

    Args:
        environment: to read the variables from; by default that of this process.
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
        """Seconds within which to call `watchdog` again: half of systemd's limit; None without a limit."""
        return self._interval_s or None

    def ready(self, status: str) -> None:
        """Notify systemd that the start, or a reload, is complete."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """Notify systemd that the settings are being reloaded, until `ready` is called."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000}")

    def stopping(self) -> None:
        """Notify systemd that the shutdown has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Set the status line of `systemctl status`."""
        self._send(_status(text))

    def watchdog(self) -> None:
        """Notify systemd that this process is alive; further calls within `interval_s` send nothing."""
        now_s = time.monotonic()
        if self._interval_s and now_s - self._pinged_s >= self._interval_s * _EARLY:
            self._pinged_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SEND_LIMIT_S)  # a manager that does not read must not stop the work
            sender.connect(self._address)  # for a socket that is not, waiting would be asking again without a pause
            sender.send("\n".join(lines).encode(errors="replace"))


def _address(name: str) -> str | None:
    """Address of a Unix socket; `@` marks an abstract one. None for an address of another kind."""
    if name.startswith("/"):
        return name
    return f"\0{name[1:]}" if name.startswith("@") else None


def _status(text: str) -> str:
    return f"STATUS={one_line(text)}"
