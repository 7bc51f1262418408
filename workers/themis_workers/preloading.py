"""Preloading: what each job's process would otherwise import and read itself, in the process that all come from.

A worker does it before it forks its fork server. Had the fork server done it, it would have written to the memory that
both share, and each page of that would be copied.
"""

import functools
import importlib

import themis.core.jobs.claimed_job
import themis.core.jobs.store_cache  # noqa: F401
from themis.core.components.resolution import preload_builtins
from themis.core.jobs.environment import inherited_environment
from themis.core.jobs.rehearsal import rehearse
from themis.core.stores import registry

_IMPORTED_LATE = (
    "email.parser",
    "encodings.ascii",
    "themis.core.engine.batches.polling",
    "themis.core.engine.extents.shard",
    "themis.core.engine.judging.case_judging",
    "themis.core.engine.judging.selection",
    "themis.core.engine.limits.provider_gate",
)


@functools.cache
def preload() -> None:
    """Import and read it, unless this process, or one that it was forked from, has done so already."""
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    preload_builtins()
    registry.preload()
    inherited_environment()
    rehearse()
