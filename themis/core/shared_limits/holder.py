"""Process whose runs ask a provider, as it reports itself, and whether it is still there."""

import os
import time
from dataclasses import dataclass

from themis.core.processes import identity
from themis.core.values.provider_state import ProviderState

SILENT_S = 5.0
"""Seconds without a report after which a process is considered dead if its pid proves nothing here."""

FORGOTTEN_S = 60.0
"""Seconds without a report after which a process counts no more, even if it lives: it asks nothing, or is suspended."""

_NS = 1e9


@dataclass(frozen=True, slots=True)
class HolderId:
    """Identity of a process.

    Attributes:
        host, boot_id: its machine, since the last start of that.
        namespace: the PID namespace in which `pid` is valid; 0 where it is not known.
        pid, pid_started: as the process sees itself; the start is in clock ticks, 0 where it is not known.
        account: the key with which it asks, as a hash; empty for no key.
    """

    host: str
    boot_id: str
    namespace: int
    pid: int
    pid_started: int
    account: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process whose runs ask a provider.

    Attributes:
        process: its identity.
        at_ns: time of this report, in nanoseconds since 1970 UTC.
        state: the limits of the provider in it.
    """

    process: HolderId
    at_ns: int
    state: ProviderState

    def is_alive(self, *, look: bool) -> bool:
        """Whether the process still asks the provider.

        Args:
            look: whether to look for the process even if it has just reported, which costs a system call.
        """
        process, here = self.process, identity.this_place()
        age_s = abs(time.time_ns() - self.at_ns) / _NS
        is_this_host = process.host == identity.machine()[0]
        if is_this_host and process.boot_id != here.boot_id:
            return False
        if is_this_host and process.pid_started and process.namespace == here.namespace:
            if age_s <= SILENT_S and not look:
                return True
            return age_s <= FORGOTTEN_S and identity.process_started(process.pid) == process.pid_started
        return age_s <= SILENT_S


def this_holder() -> HolderId:
    """Return the identity of this process."""
    host, boot_id = identity.machine()
    pid = os.getpid()
    return HolderId(host, boot_id, identity.this_place().namespace, pid, identity.process_started(pid) or 0)
