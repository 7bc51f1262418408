"""Isolation: how the processes of a job are kept from outliving their worker."""

from enum import StrEnum


class Isolation(StrEnum):
    """What a slot's supervisor relies on, from the strongest to what every POSIX system has."""

    NAMESPACE = "namespace"
    """A PID namespace: the kernel kills all that is in there with its first process, the supervisor."""

    SUPERVISOR = "supervisor"
    """The supervisor adopts the orphans among its descendants, and finds and kills all of them."""

    GROUP = "group"
    """Process groups, and parents that watch: what begins a session of its own is not reached."""


AUTO = "auto"
"""The strongest that is possible on this machine."""

CHOICES: tuple[str, ...] = (AUTO, *(isolation.value for isolation in Isolation))
"""What a worker can be asked for."""

_FORMER_NAMES = {"keeper": Isolation.SUPERVISOR.value}


def current_name(name: str) -> str:
    """An isolation's name; one that it had in an earlier version becomes its own."""
    return _FORMER_NAMES.get(name, name)
