"""Tracing of runs: whether a run is traced, and the watcher that sends what it sees. No library is known here."""

from themis.core.engine.tracing.opening import traced
from themis.core.engine.tracing.switch import is_traced, tracing_variables

__all__ = ["is_traced", "traced", "tracing_variables"]
