"""Fork server client: the worker's side of the process that forks slot supervisors."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator

from themis_workers.channel import Channel, pair
from themis_workers.messages import StartSupervisor

PATIENCE_S = 2.0
"""Seconds that a child process with a full buffer has to read its messages; after that it counts as lost."""

# The program searches for modules in the same places as this process.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from themis_workers.children.fork_server import main; main(int(sys.argv[2]), sys.argv[3])"
)


class ForkServer:
    """A running fork server, until it is closed.

    Create it in a thread that lives as long as the worker: the kernel kills the server when that thread ends.
    """

    def __init__(self, isolation: str) -> None:
        """Start the server; it accepts requests at once, and answers them when it is up.

        Args:
            isolation: of the jobs: an `Isolation`, or `auto` for the strongest that is possible here.
        """
        self._channel, its_end = pair()
        self._channel.stop_waiting(PATIENCE_S)
        with its_end, _deaf_until_it_runs():
            command = [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), str(its_end.fileno()), isolation]
            self._process = subprocess.Popen(  # noqa: S603  # this Python, and a number
                command, pass_fds=[its_end.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )

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


@contextlib.contextmanager
def _deaf_until_it_runs() -> Iterator[None]:
    """Context in which a process is started that SIGTERM does not end before it can say that it ignores it.

    It inherits the signals that are blocked. This thread gets those that arrive meanwhile when it leaves the context.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
