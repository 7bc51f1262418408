"""Event of a notification: a job has ended, as a value and as JSON."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from themis.core.configuration.secrets import redact_urls
from themis.core.text.lines import cut
from themis.core.text.masking import mask, masked


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """Cases of a run: all of them, those that have ended, and those of them that failed."""

    total: int = 0
    done: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job that has ended. Times are nanoseconds since 1970 UTC.

    Attributes:
        key, run_id: of the job and its run.
        name: of the run; None when its store could not be read, or an earlier version stored it.
        state: `done` or `failed`.
        cause: of the end, one of the words of `Cause`.
        message: details of the cause, for people.
        attempt: number of its last attempt.
        worker, host: that ran this attempt.
        started_ns, ended_ns: of this attempt.
        cases: of its run.
        metric_means: by metric; None when nothing was scored.
        metrics: statistics by metric, as `themis run` prints them; None when nothing was tried.
    """

    key: str
    run_id: str
    state: str
    cause: str
    message: str
    attempt: int
    worker: str
    host: str
    started_ns: int
    ended_ns: int
    cases: CaseCounts = CaseCounts()
    name: str | None = None
    metric_means: dict[str, float] | None = None
    metrics: dict[str, dict[str, Any]] | None = None

    @property
    def reason(self) -> str:
        """Cause and message, for people; without passwords in URLs and without secrets."""
        return cut(mask(str(redact_urls(f"{self.cause}: {self.message}" if self.message else self.cause))))

    def to_json(self) -> bytes:
        """Encode as one object on a line of ASCII, without passwords in URLs; a mean that is not finite is null."""
        # Redacted before it is cut: in half a URL no password is recognized.
        document = masked(redact_urls(asdict(self)))
        document["message"] = cut(document["message"])
        if self.metric_means is not None:
            means = self.metric_means.items()
            document["metric_means"] = {metric: mean if math.isfinite(mean) else None for metric, mean in means}
        return json.dumps({"event": "job_ended", **document}, separators=(",", ":")).encode() + b"\n"
