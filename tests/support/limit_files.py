"""Limit files, and the processes that they name."""

import time
from dataclasses import replace
from typing import Any

from themis.core.shared_limits.holder import Holder, HolderId, this_holder
from themis.core.values.provider_state import ProviderState

_IDENTITY = {"host", "boot_id", "namespace", "pid", "pid_started"}


def holder(provider: str, *, at_ns: int = 1, process: HolderId | None = None, **facts: Any) -> Holder:
    """A process that asks a provider: this one, but for `facts` of its identity or its state."""
    state = ProviderState(provider, limit=16, most=100, in_flight=3, waiting=0, why="slow start")
    identity = {name: facts.pop(name) for name in set(facts) & _IDENTITY}
    return Holder(replace(process or this_holder(), **identity), at_ns, replace(state, **facts))


def fresh(provider: str, **facts: Any) -> Holder:
    """The same, that has just reported."""
    return holder(provider, at_ns=time.time_ns(), **facts)
