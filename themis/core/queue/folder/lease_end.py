"""End of a lease, as a worker shares it with the process of its job.

The two share eight bytes of memory. So the job can see before each case whether its claim is certain, though nobody
tells it: after its host was frozen it runs on before its worker has looked at a clock.
"""

import mmap
import os
import struct
import tempfile
import time

_FORMAT = struct.Struct("=d")


def now_s() -> float:
    """Return the time of a clock that all processes of this machine share, and that goes on while it is suspended.

    In seconds since its start. It is the monotonic clock where the system has no other.
    """
    now = time.monotonic()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return now
    counted_s = time.clock_gettime(time.CLOCK_MONOTONIC)  # in this order: what was suspended is never negative
    return now + (time.clock_gettime(time.CLOCK_BOOTTIME) - counted_s)


class SharedEnd:
    """End of a lease in shared memory, by `now_s`."""

    def __init__(self, descriptor: int) -> None:
        """Map the memory of an open file, which may be closed then.

        Raises:
            OSError, ValueError: it cannot be mapped.
        """
        self._memory = mmap.mmap(descriptor, _FORMAT.size)

    @classmethod
    def make(cls) -> tuple["SharedEnd", int]:
        """Make one whose lease is over; return it with the descriptor to send to another process, and to close.

        Raises:
            OSError: the system lacks memory or open files.
        """
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("themis-lease")
        else:
            descriptor, path = tempfile.mkstemp(prefix="themis-lease-")
            os.unlink(path)  # noqa: PTH108  # a text
        try:
            os.write(descriptor, bytes(_FORMAT.size))
            return cls(descriptor), descriptor
        except BaseException:
            os.close(descriptor)
            raise

    def write(self, end_s: float) -> None:
        """Tell the other process when the lease is over."""
        self._memory[:] = _FORMAT.pack(end_s)

    def is_over(self) -> bool:
        """Whether the lease is over."""
        return now_s() >= float(_FORMAT.unpack(self._memory[:])[0])
