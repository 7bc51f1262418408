"""Command line of a fleet's worker, which is that of any worker."""

from themis.fleet.spec import FleetSpec

GRACE_S = 90
"""Seconds that running jobs have to end once a worker is asked to stop."""

STOP_S = 120
"""Seconds that a worker has to stop: the grace, and 10 s each for `--job-grace` and the last hook."""


def worker_words(spec: FleetSpec, *, lasting: bool) -> list[str]:
    """Return the words behind `themis`, without the worker's name and devices, which the engine's node knows.

    Args:
        spec: the fleet.
        lasting: whether the worker stays without work.
    """
    words = ["worker", "start", "--queue-root", str(spec.place), "--grace", str(GRACE_S), "--preemptible"]
    if not gives_devices(spec):
        words += ["--slots", str(spec.jobs_at_once)]
    if spec.version_mismatch != "run":
        words += ["--version-mismatch", spec.version_mismatch]
    if spec.tags:
        words += ["--tags", ",".join(spec.tags)]
    if not lasting:
        words += ["--max-idle", f"{spec.max_idle_s:g}"]
    return words


def gives_devices(spec: FleetSpec) -> bool:
    """Whether each slot gets a GPU for itself; else its job sees all of the worker's."""
    return spec.gpus > 1 and spec.jobs_at_once == spec.gpus
