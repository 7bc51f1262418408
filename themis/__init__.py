"""Themis: evaluation of language models that you can submit and walk away from."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module `typing` would take most of the time of `import themis`
    from themis.core import (
        Case,
        Dataset,
        Experiment,
        InMemoryRunStore,
        PromptSpec,
        Reporter,
        RunEstimate,
        RunResult,
        RunSnapshot,
        RunStatus,
        RunStore,
        RuntimeConfig,
        SqliteRunStore,
        StatsEngine,
        evaluate,
        evaluate_async,
        export_evaluation_bundle,
        export_generation_bundle,
        export_parse_bundle,
        export_reduction_bundle,
        export_score_bundle,
        get_evaluation_execution,
        get_execution_state,
        get_run_result,
        get_run_snapshot,
        import_evaluation_bundle,
        import_generation_bundle,
        import_parse_bundle,
        import_reduction_bundle,
        import_score_bundle,
        quickcheck,
        run_worker_once,
        snapshot_report,
        sqlite_store,
        submit_experiment,
    )

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
    "StatsEngine",
    "__version__",
    "evaluate",
    "evaluate_async",
    "export_evaluation_bundle",
    "export_generation_bundle",
    "export_parse_bundle",
    "export_reduction_bundle",
    "export_score_bundle",
    "get_evaluation_execution",
    "get_execution_state",
    "get_run_result",
    "get_run_snapshot",
    "import_evaluation_bundle",
    "import_generation_bundle",
    "import_parse_bundle",
    "import_reduction_bundle",
    "import_score_bundle",
    "quickcheck",
    "run_worker_once",
    "snapshot_report",
    "sqlite_store",
    "submit_experiment",
]


def __getattr__(name: str) -> object:
    """A public name, or the version, on first use: until then nothing is imported."""
    if name == "__version__":
        from themis.core.components.provenance import themis_version

        return themis_version()
    from themis.core.python.lazy_names import lazy_names

    return lazy_names(__name__, {name: "themis.core" for name in __all__ if name != "__version__"})(name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
