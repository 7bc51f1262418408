"""Process between an actor of Ray and its worker: a worker whose actor is gone gives its jobs back, and ends.

Ray kills an actor's children together with it. The guard is no child of the actor, so that a worker has the time to
give back what it runs; and it sees the actor's end by a pipe, whatever ended it.

Run as `python -m themis.fleet.ray.guard ORDERS RESULT WORDS...`: two descriptors, and the worker's command line.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

END, NOW = b"e", b"n"
"""Orders of the actor: end when the jobs have ended or the grace is over; give the jobs back at once."""

_LOOK_EVERY_S = 0.2
_BETWEEN_SIGNALS_S = 1.0
_PR_SET_PDEATHSIG = 1


def guard(orders: int, result: int, words: list[str]) -> None:
    """Run a worker until it ends; ask it to end when it is ordered, or when nobody is left who could order it."""
    libc = ctypes.CDLL(None)

    def end_with_guard() -> None:
        if hasattr(libc, "prctl"):
            libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    with subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=end_with_guard) as worker:  # noqa: S603, PLW1509  # the worker; one thread
        while worker.poll() is None:
            if orders < 0:
                time.sleep(_LOOK_EVERY_S)
            elif select.select([orders], [], [], _LOOK_EVERY_S)[0]:
                order = os.read(orders, 1)
                _ask(worker, now=order != END)
                if not order:
                    orders = -1
    with contextlib.suppress(OSError):  # nobody may be left to hear it
        os.write(result, str(worker.returncode).encode())


def _ask(worker: "subprocess.Popen[bytes]", *, now: bool) -> None:
    """Ask a worker to end; a second signal has it give its jobs back at once."""
    worker.terminate()
    if now:
        time.sleep(_BETWEEN_SIGNALS_S)
        worker.terminate()


def main(arguments: list[str]) -> None:
    """Leave the actor's children, then guard."""
    if os.fork():
        os._exit(0)
    os.setsid()
    guard(int(arguments[0]), int(arguments[1]), arguments[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
