"""Memory as a kind of store."""

from themis.core.config import StorageConfig
from themis.core.stores.backend import Backend, Patience, made
from themis.core.stores.memory.store import InMemoryRunStore


def _build(config: StorageConfig, patience: Patience) -> InMemoryRunStore:
    del patience  # no other process writes
    return made(InMemoryRunStore, config.parameters)


BACKEND = Backend(_build, outlives_process=False)
