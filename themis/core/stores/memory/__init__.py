"""Store in the memory of one process."""

from themis.core.stores.memory.store import InMemoryRunStore

__all__ = ["InMemoryRunStore"]
