"""Isolation: ways to keep the processes of a job from outliving their worker."""

from enum import StrEnum


class Isolation(StrEnum):
    """Mechanism that a slot supervisor relies on, from the strongest to one that every POSIX system has."""

    NAMESPACE = "namespace"
    """A PID namespace: the kernel kills all processes in it with the first one, the supervisor."""

    SUPERVISOR = "supervisor"
    """The supervisor adopts the orphans among its descendants, and finds and kills all of them."""

    GROUP = "group"
    """Process groups, and parents that watch: a process that starts a session of its own is not reached."""


AUTO = "auto"
"""The strongest mechanism that is possible on this machine."""

CHOICES: tuple[str, ...] = (AUTO, *(isolation.value for isolation in Isolation))
"""Choices of a worker's `--isolation` option."""

_FORMER_NAMES = {"keeper": Isolation.SUPERVISOR.value}


def current_name(name: str) -> str:
    """Return the current name of an isolation; a name from an earlier version is translated."""
    return _FORMER_NAMES.get(name, name)
