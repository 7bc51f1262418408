"""A job that has ended, and whether what was run for it has gone."""

import time
from pathlib import Path

from themis_workers.notifications import CaseCounts, JobEnded

EVENT = JobEnded(
    key="4f1c" * 4,
    run_id="ab" * 32,
    state="failed",
    cause="exit code",
    message="ended with 3\nand said nothing",
    attempt=3,
    worker="w1",
    host="node7",
    started_ns=1,
    ended_ns=2,
    cases=CaseCounts(40, 12, 1),
    name="baseline",
    metric_means={"builtin/f1": 0.5, "odd": float("nan")},
    metrics={"builtin/f1": {"mean": 0.5, "scored": 11}},
)
"""As much can be told of it as of any."""


def has_gone(pid: int, within_s: float = 10) -> bool:
    """Whether a process ends in time; a dead one that nobody has waited for has gone too."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
