"""Themis: evaluation of language models that you can submit and walk away from."""

from typing import Any

# Where each public name lives. Nothing is imported before it is used, so that `import themis` costs next to nothing.
_HOMES = {
    "Case": "themis.core.models",
    "Dataset": "themis.core.models",
    "Experiment": "themis.core.experiment",
    "InMemoryRunStore": "themis.core.stores",
    "PromptSpec": "themis.core.prompts",
    "Reporter": "themis.core.reports",
    "RunEstimate": "themis.core.results",
    "RunResult": "themis.core.results",
    "RunSnapshot": "themis.core.snapshot",
    "RunStatus": "themis.core.results",
    "RunStore": "themis.core.stores",
    "RuntimeConfig": "themis.core.config",
    "SqliteRunStore": "themis.core.stores",
    "evaluate": "themis.core.evaluate",
    "evaluate_async": "themis.core.evaluate",
    "get_execution_state": "themis.core.inspection",
    "get_run_snapshot": "themis.core.inspection",
    "quickcheck": "themis.core.inspection",
    "run_worker_once": "themis.core.submission",
    "snapshot_report": "themis.core.reports",
    "sqlite_store": "themis.core.stores",
    "submit_experiment": "themis.core.submission",
}

__all__ = [  # noqa: PLE0604  # every name below is resolved on first use
    "__version__",
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used."""
    from importlib import import_module

    if name == "__version__":
        value: Any = import_module("themis.core.provenance").themis_version()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        msg = f"module 'themis' has no attribute {name!r}"
        raise AttributeError(msg)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
