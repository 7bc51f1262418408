"""Fork server that was forked from a worker: leaves behind what the worker's program has set."""

import os
import signal
import sys
import types
from typing import NoReturn

from themis_workers.children import fork_server
from themis_workers.children.open_files import close_all_but


def main(descriptor: int, isolation: str) -> NoReturn:
    """Become what a new program would be, then a fork server; the arguments are those of `fork_server.main`."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) or number == signal.SIGHUP:  # the worker handles it, once it has begun
            signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    close_all_but(descriptor)
    sys.argv[:] = ["-c"]
    sys.modules["__main__"] = types.ModuleType("__main__")  # so that a job's process pool does not run the command
    fork_server.main(descriptor, isolation)
