"""Fork server client: the worker's side of the process that forks slot supervisors."""

import contextlib
import subprocess
from collections.abc import Callable

from themis_workers.channel import Channel, pair
from themis_workers.messages import StartSupervisor
from themis_workers.slots.fork_server_process import ChildProcess, spawn

PATIENCE_S = 2.0
"""Seconds that a child process with a full buffer has to read its messages; after that it counts as lost."""

Start = Callable[[Channel, str], ChildProcess]
"""Starts a fork server at the other end of a channel, for jobs of an isolation."""


class ForkServer:
    """A running fork server, until it is closed.

    Create it in a thread that lives as long as the worker: the kernel kills the server when that thread ends.

    Attributes:
        isolation: of its jobs.
    """

    def __init__(self, isolation: str, *, start: Start = spawn) -> None:
        """Start the server; it accepts requests at once, and answers them when it is up.

        Args:
            isolation: of the jobs: an `Isolation`, or `auto` for the strongest that is possible here.
            start: `fork`, in a process that has nothing open yet, or `spawn`.
        """
        self.isolation = isolation
        self._channel, its_end = pair()
        self._channel.stop_waiting(PATIENCE_S)
        with its_end:
            self._process = start(its_end, isolation)

    @property
    def pid(self) -> int:
        """Its PID."""
        return self._process.pid

    def ask_for_supervisor(self) -> Channel:
        """Return a channel to a new supervisor, which reports on it that it is ready, or the reason why it is not.

        Raises:
            OSError: the fork server is gone.
        """
        ours, its_end = pair()
        ours.tell_senders()  # before the supervisor can send: the sender of earlier messages is unknown
        ours.stop_waiting(PATIENCE_S)
        with its_end:
            try:
                self._channel.send(StartSupervisor(), descriptor=its_end.fileno())
            except OSError:
                ours.close()
                raise
        return ours

    def close(self, patience_s: float = 0.0) -> None:
        """Close the connection, wait `patience_s` seconds for the server to end, then kill it."""
        self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        self._process.wait()
