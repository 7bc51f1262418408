"""The worker's side of its fork server: the process that forks supervisors."""

import contextlib
import json
import subprocess
import sys

from themis_workers.channel import Channel, pair
from themis_workers.messages import StartSupervisor

PATIENCE_S = 2.0
"""Seconds that a process of the worker's has to read what it is told when it has much unread; then it is lost."""

# The program finds its modules where this process does, wherever that is run from.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from themis_workers.children.fork_server import main; main(int(sys.argv[2]), sys.argv[3])"
)


class ForkServer:
    """A fork server that runs, until it is closed.

    It must be made by the thread that lives as long as the worker: the kernel kills it when that thread ends.
    """

    def __init__(self, isolation: str) -> None:
        """Start it; it can be asked at once, and answers when it has come up.

        Args:
            isolation: of the jobs: an `Isolation`, or `auto` for the best that is possible here.
        """
        self._channel, its_end = pair()
        self._channel.stop_waiting(PATIENCE_S)
        with its_end:
            command = [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), str(its_end.fileno()), isolation]
            self._process = subprocess.Popen(  # noqa: S603  # this Python, and a number
                command, pass_fds=[its_end.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def ask_for_supervisor(self) -> Channel:
        """The worker's end of a channel to a new supervisor, which says there that it is ready, or why not.

        Raises:
            OSError: the fork server is gone.
        """
        ours, its_end = pair()
        ours.tell_senders()  # before the supervisor can speak: nobody is known as the sender of what came earlier
        ours.stop_waiting(PATIENCE_S)
        with its_end:
            try:
                self._channel.send(StartSupervisor(), descriptor=its_end.fileno())
            except OSError:
                ours.close()
                raise
        return ours

    def close(self, patience_s: float = 0.0) -> None:
        """Have it end, if need be by force after so many seconds."""
        self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        self._process.wait()
