"""The watcher of a traced run: opened before it, and closed after it within a few seconds, whatever happened."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from themis.core.components.metric_families import PURE
from themis.core.config import RuntimeConfig
from themis.core.engine.observers import Observers
from themis.core.engine.tracing.switch import is_traced
from themis.core.errors import MissingExtraError
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.values.tracing import TracingConfig

_PLACE = "themis.telemetry.watching"
_LIBRARIES = ("opentelemetry", "google")


@dataclass(frozen=True, slots=True)
class TracedRun:
    """Facts of a run that its traces say.

    Attributes:
        metric_ids: the metrics that are to give a score for each case.
        content: whether prompts and answers are sent; None leaves that to the environment.
    """

    run_id: str
    metric_ids: tuple[str, ...]
    content: bool | None = None


@asynccontextmanager
async def traced(
    runtime: RuntimeConfig, observers: Observers, snapshot: RunSnapshot, until: Stage
) -> AsyncIterator[None]:
    """Open a block in which a run is watched, if it is traced.

    Raises:
        ConfigError: a variable of the environment has a value that it cannot have.
        MissingExtraError: the libraries of the extra `otel` are not installed.
    """
    if not is_traced(runtime):
        yield
        return
    try:
        opened = importlib.import_module(_PLACE).open_watcher
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(_LIBRARIES):
            raise
        raise MissingExtraError(
            reference="runtime.tracing", package="opentelemetry-sdk", distribution="themis-eval", extra="otel"
        ) from None
    content = runtime.tracing.content if isinstance(runtime.tracing, TracingConfig) else None
    watcher = opened(TracedRun(snapshot.run_id, _metric_ids(snapshot, until), content))
    observers.add(watcher)
    try:
        yield
    finally:
        await watcher.close()


def _metric_ids(snapshot: RunSnapshot, until: Stage) -> tuple[str, ...]:
    if until < Stage.SCORE:
        return ()
    return tuple(
        metric_id
        for metric_id in snapshot.metric_ids
        if until >= Stage.JUDGE or snapshot.metric_kinds[metric_id] == PURE
    )
