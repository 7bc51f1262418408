"""Themis: evaluation of language models that you can submit and walk away from."""

from typing import TYPE_CHECKING, Any

from themis.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.config import RuntimeConfig
    from themis.core.evaluate import evaluate, evaluate_async
    from themis.core.experiment import Experiment
    from themis.core.inspection import get_execution_state, get_run_snapshot, quickcheck
    from themis.core.models import Case, Dataset
    from themis.core.prompts import PromptSpec
    from themis.core.reports import Reporter, snapshot_report
    from themis.core.results import RunEstimate, RunResult, RunStatus
    from themis.core.snapshot import RunSnapshot
    from themis.core.stores import InMemoryRunStore, RunStore, SqliteRunStore, sqlite_store
    from themis.core.submission import run_worker_once, submit_experiment

    __version__: str

__all__ = [
    "Case",
    "Dataset",
    "Experiment",
    "InMemoryRunStore",
    "PromptSpec",
    "Reporter",
    "RunEstimate",
    "RunResult",
    "RunSnapshot",
    "RunStatus",
    "RunStore",
    "RuntimeConfig",
    "SqliteRunStore",
    "__version__",
    "evaluate",
    "evaluate_async",
    "get_execution_state",
    "get_run_snapshot",
    "quickcheck",
    "run_worker_once",
    "snapshot_report",
    "sqlite_store",
    "submit_experiment",
]

# Nothing is imported before it is used, so that `import themis` costs next to nothing.
_find = lazy_names(
    __name__,
    {
        "Case": ".core.models",
        "Dataset": ".core.models",
        "Experiment": ".core.experiment",
        "InMemoryRunStore": ".core.stores",
        "PromptSpec": ".core.prompts",
        "Reporter": ".core.reports",
        "RunEstimate": ".core.results",
        "RunResult": ".core.results",
        "RunSnapshot": ".core.snapshot",
        "RunStatus": ".core.results",
        "RunStore": ".core.stores",
        "RuntimeConfig": ".core.config",
        "SqliteRunStore": ".core.stores",
        "evaluate": ".core.evaluate",
        "evaluate_async": ".core.evaluate",
        "get_execution_state": ".core.inspection",
        "get_run_snapshot": ".core.inspection",
        "quickcheck": ".core.inspection",
        "run_worker_once": ".core.submission",
        "snapshot_report": ".core.reports",
        "sqlite_store": ".core.stores",
        "submit_experiment": ".core.submission",
    },
)


def __getattr__(name: str) -> Any:
    """A public name, or the version, on first use."""
    if name == "__version__":
        from themis.core.provenance import themis_version

        return themis_version()
    return _find(name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
