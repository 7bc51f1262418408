"""Replay: a stored run from one of its stages on, without asking a generator."""

from themis.core.engine.replaying.execution import replayed
from themis.core.engine.replaying.request import replay_request

__all__ = ["replay_request", "replayed"]
