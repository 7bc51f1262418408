"""What a queue, its workers, a job and a run do now: read here, and only drawn elsewhere.

Terminal, JSON, Prometheus and web page show the same values, so that none of them reads a row, a file's name or a
worker's report by itself. Nothing is written, and nobody who works is disturbed.

a queue                at a glance: queue_summary; in full, again and again: queue_watcher → queue_now; how deep: depth;
                       why a worker got nothing: idle
its workers            workers, health (the files themselves: themis.core.queue.folder.worker_registry)
a job                  jobs, and why it is not running: reasons
a run                  runs, and what it is about: run_outline
what they are read of  queue_files (names), stores and watched_stores (rows)
how often              throttled_cache, recent_rate
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

# Imported when they are first used: a probe that reads one file need not wait for the rest.
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
