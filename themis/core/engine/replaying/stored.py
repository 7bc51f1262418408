"""Replay of a run from what is stored of it alone, without its config file."""

from collections.abc import Sequence
from pathlib import Path

from themis.core.components.resolution import make_importable
from themis.core.config import RuntimeConfig
from themis.core.engine.calls.blocking import run_to_end
from themis.core.engine.calls.call_thread import at_home
from themis.core.engine.compiling.compiled import CompiledRun, recompile
from themis.core.engine.replaying.execution import replayed
from themis.core.engine.replaying.request import replay_request
from themis.core.engine.run_options import RunOptions, RunProgress
from themis.core.errors import ComponentImportError, LiveComponentError
from themis.core.results import RunResult
from themis.core.snapshot import RunSnapshot
from themis.core.stores import projections
from themis.core.stores.protocol import RunStore


def replay_stored(  # noqa: PLR0913  # what is replayed, and how
    store: RunStore,
    run_id: str,
    stage: str,
    metric_ids: Sequence[str] | None,
    *,
    folder: Path,
    code_changes: str | None = None,
    progress: RunProgress | None = None,
) -> RunResult:
    """Replay a stored run with the settings that it was last run with; as `Experiment.replay`, until the end.

    Args:
        store: the store that it is in, and that its results are written to.
        run_id: the run.
        stage: the first stage: `reduce`, `parse`, `score` or `judge`.
        metric_ids: the metrics that are scored or judged again; None for all.
        folder: may hold the modules of its components, beside what is installed.
        code_changes: as `runtime.code_changes`; None for what the run was stored with.
        progress: an object whose counts are kept up to date during the replay.

    Raises:
        ComponentError: a component cannot be made from what is stored of it: it is a live object, or its module is not
            found.
        UnknownRunError, NothingToReplayError, InvalidArgumentError, RunBusyError: as `Experiment.replay`.
    """
    snapshot = projections.stored_snapshot(store, run_id)
    runtime = RuntimeConfig.model_validate(snapshot.provenance.runtime)
    if code_changes is not None:
        runtime = RuntimeConfig.model_validate({**snapshot.provenance.runtime, "code_changes": code_changes})
    request = replay_request(snapshot, stage, metric_ids)
    options = RunOptions(progress=progress or RunProgress())

    async def replay() -> RunResult:
        run = await at_home(lambda: recompiled(snapshot, folder))
        return await replayed(run, store, runtime, options, request)

    return run_to_end(replay())


def recompiled(snapshot: RunSnapshot, folder: Path) -> CompiledRun:
    """Compile a stored run in this process; modules in `folder` can be imported.

    Raises:
        ComponentError: a component is a live object, or cannot be loaded; the message says that its config file helps.
    """
    refs = snapshot.component_refs.all()
    for place, ref in refs.items():
        if ref.target is None:
            raise LiveComponentError(where=place, reference=ref.component_id)
    make_importable(folder)
    try:
        return recompile(snapshot, folders=[str(folder)])
    except ComponentImportError as error:
        facts = error.facts
        detail = f"{facts['detail']}; name the run's config file instead of the run, as its folder has the module"
        raise ComponentImportError(where=facts["where"], reference=facts["reference"], detail=detail) from None
