"""Errors of fleets: workers that a cluster's own scheduler places."""

from themis.core.errors.base import InputError, UnavailableError


class FleetError(InputError):
    """fleet {fleet}: {detail}"""


class UnreachableQueueError(InputError):
    """{path}: is on a disk of this machine, which the nodes of {engine} do not see; use a queue in Postgres (--queue-root store:env:THEMIS_DATABASE_URL), or a folder that all nodes mount, with "shared": true in its queue.json"""


class EngineMissingError(UnavailableError):
    """{program} is not on this machine: {advice}"""


class EngineError(UnavailableError):
    """{engine}: {detail}"""
