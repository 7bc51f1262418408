"""The present state of a queue, its workers, a job and a run: read here, and only displayed elsewhere.

Terminal, JSON, Prometheus and web page show the same values, so none of them reads rows, file names or worker reports
itself. Nothing is written, and workers are not disturbed.

a queue                at a glance: queue_summary; in full, repeatedly: queue_watcher → queue_now; its depth: depth;
                       the reason why a worker got no job: idle
its workers            workers, health (the files themselves: themis.core.queue.folder.worker_registry)
a job                  jobs, and the reasons why it is not running: reasons
a run                  runs, and an outline of its experiment: run_outline
sources                queue_files (names), stores and watched_stores (rows)
frequency and rates    throttled_cache, recent_rate
"""

from typing import TYPE_CHECKING

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.monitor.depth import QueueDepth
    from themis.core.monitor.jobs import JobNow, job_now
    from themis.core.monitor.queue_now import QueueNow
    from themis.core.monitor.queue_summary import QueueSummary, summary_of
    from themis.core.monitor.queue_watcher import QueueWatcher
    from themis.core.monitor.runs import RunNow, StoredRuns
    from themis.core.monitor.stores import stores_of

__all__ = [
    "JobNow",
    "QueueDepth",
    "QueueNow",
    "QueueSummary",
    "QueueWatcher",
    "RunNow",
    "StoredRuns",
    "job_now",
    "stores_of",
    "summary_of",
]

# Imported on first use: a probe that reads one file need not wait for the rest.
__getattr__ = lazy_names(
    __name__,
    {
        "JobNow": ".jobs",
        "QueueDepth": ".depth",
        "QueueNow": ".queue_now",
        "QueueSummary": ".queue_summary",
        "QueueWatcher": ".queue_watcher",
        "RunNow": ".runs",
        "StoredRuns": ".runs",
        "job_now": ".jobs",
        "stores_of": ".stores",
        "summary_of": ".queue_summary",
    },
)
