"""Extent of one execution, from its start to its end: all cases of a run, or the slice of a shard."""

from themis.core.engine.extents.opening import Extent, extent_of, is_complete

__all__ = ["Extent", "extent_of", "is_complete"]
