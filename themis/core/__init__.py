"""The library, which is independent of the commands and the workers.

Every name that users import is also a name of this package.
"""

from typing import TYPE_CHECKING

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.base import JSONValue
    from themis.core.bundles.exporting import (
        export_evaluation_bundle,
        export_generation_bundle,
        export_parse_bundle,
        export_reduction_bundle,
        export_score_bundle,
    )
    from themis.core.bundles.importing import (
        import_evaluation_bundle,
        import_generation_bundle,
        import_parse_bundle,
        import_reduction_bundle,
        import_score_bundle,
    )
    from themis.core.comparison.stats_engine import StatsEngine
    from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
    from themis.core.contexts import (
        EvalScoreContext,
        GenerateContext,
        ParseContext,
        ReduceContext,
        ScoreContext,
        SelectContext,
    )
    from themis.core.dataset_inputs import dataset_from_huggingface, dataset_from_inline, dataset_from_jsonl
    from themis.core.evaluate import evaluate, evaluate_async
    from themis.core.events import (
        EvaluationCompletedEvent,
        EvaluationFailedEvent,
        EvaluationStartedEvent,
        GenerationCompletedEvent,
        GenerationFailedEvent,
        GenerationStartedEvent,
        ParseCompletedEvent,
        ParseFailedEvent,
        ParseStartedEvent,
        ReductionCompletedEvent,
        ReductionFailedEvent,
        ReductionStartedEvent,
        RunCompletedEvent,
        RunFailedEvent,
        RunStartedEvent,
        ScoreCompletedEvent,
        ScoreFailedEvent,
        ScoreStartedEvent,
        SelectionCompletedEvent,
        SelectionFailedEvent,
        SelectionStartedEvent,
    )
    from themis.core.experiment import Experiment
    from themis.core.inspection import (
        get_evaluation_execution,
        get_execution_state,
        get_run_result,
        get_run_snapshot,
        quickcheck,
    )
    from themis.core.models import (
        Case,
        ConversationTrace,
        Dataset,
        GenerationResult,
        Message,
        ParsedOutput,
        ReducedCandidate,
        Score,
        ScoreError,
        TraceStep,
        WorkflowTrace,
    )
    from themis.core.prompts import PromptSpec
    from themis.core.protocols import (
        CandidateReducer,
        CandidateSelector,
        EvaluationWorkflow,
        Generator,
        JudgeModel,
        LifecycleSubscriber,
        LLMMetric,
        Parser,
        PureMetric,
        SelectionMetric,
        TraceMetric,
        TracingProvider,
        WorkflowRunner,
    )
    from themis.core.read_models import BenchmarkResult, BenchmarkScoreRow
    from themis.core.reports import Reporter, snapshot_report
    from themis.core.results import CaseResult, ExecutionState, ProgressSnapshot, RunEstimate, RunResult, RunStatus
    from themis.core.snapshot import ComponentRef, RunSnapshot
    from themis.core.stores import (
        InMemoryRunStore,
        RunStore,
        SqliteRunStore,
        create_run_store,
        register_store_backend,
        sqlite_store,
    )
    from themis.core.subjects import CandidateSetSubject, ConversationSubject, TraceSubject
    from themis.core.submission import SubmissionManifest, run_batch_request, run_worker_once, submit_experiment
    from themis.core.workflows import (
        AggregationResult,
        EvaluationExecution,
        JudgeCall,
        JudgeResponse,
        ParsedJudgment,
        RenderedJudgePrompt,
        WorkflowFailure,
        build_prompt_template_context,
    )

__all__ = [
    "AggregationResult",
    "BenchmarkResult",
    "BenchmarkScoreRow",
    "CandidateReducer",
    "CandidateSelector",
    "CandidateSetSubject",
    "Case",
    "CaseResult",
    "ComponentRef",
    "ConversationSubject",
    "ConversationTrace",
    "Dataset",
    "EvalScoreContext",
    "EvaluationCompletedEvent",
    "EvaluationConfig",
    "EvaluationExecution",
    "EvaluationFailedEvent",
    "EvaluationStartedEvent",
    "EvaluationWorkflow",
    "ExecutionState",
    "Experiment",
    "GenerateContext",
    "GenerationCompletedEvent",
    "GenerationConfig",
    "GenerationFailedEvent",
    "GenerationResult",
    "GenerationStartedEvent",
    "Generator",
    "InMemoryRunStore",
    "JSONValue",
    "JudgeCall",
    "JudgeModel",
    "JudgeResponse",
    "LLMMetric",
    "LifecycleSubscriber",
    "Message",
    "ParseCompletedEvent",
    "ParseContext",
    "ParseFailedEvent",
    "ParseStartedEvent",
    "ParsedJudgment",
    "ParsedOutput",
    "Parser",
    "ProgressSnapshot",
    "PromptSpec",
    "PureMetric",
    "ReduceContext",
    "ReducedCandidate",
    "ReductionCompletedEvent",
    "ReductionFailedEvent",
    "ReductionStartedEvent",
    "RenderedJudgePrompt",
    "Reporter",
    "RunCompletedEvent",
    "RunEstimate",
    "RunFailedEvent",
    "RunResult",
    "RunSnapshot",
    "RunStartedEvent",
    "RunStatus",
    "RunStore",
    "RuntimeConfig",
    "Score",
    "ScoreCompletedEvent",
    "ScoreContext",
    "ScoreError",
    "ScoreFailedEvent",
    "ScoreStartedEvent",
    "SelectContext",
    "SelectionCompletedEvent",
    "SelectionFailedEvent",
    "SelectionMetric",
    "SelectionStartedEvent",
    "SqliteRunStore",
    "StatsEngine",
    "StorageConfig",
    "SubmissionManifest",
    "TraceMetric",
    "TraceStep",
    "TraceSubject",
    "TracingProvider",
    "WorkflowFailure",
    "WorkflowRunner",
    "WorkflowTrace",
    "build_prompt_template_context",
    "create_run_store",
    "dataset_from_huggingface",
    "dataset_from_inline",
    "dataset_from_jsonl",
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
    "register_store_backend",
    "run_batch_request",
    "run_worker_once",
    "snapshot_report",
    "sqlite_store",
    "submit_experiment",
]

_NAMES = {
    ".base": "JSONValue",
    ".comparison.stats_engine": "StatsEngine",
    ".config": "EvaluationConfig GenerationConfig RuntimeConfig StorageConfig",
    ".contexts": "EvalScoreContext GenerateContext ParseContext ReduceContext ScoreContext SelectContext",
    ".dataset_inputs": "dataset_from_huggingface dataset_from_inline dataset_from_jsonl",
    ".evaluate": "evaluate evaluate_async",
    ".events": (
        "EvaluationCompletedEvent EvaluationFailedEvent EvaluationStartedEvent "
        "GenerationCompletedEvent GenerationFailedEvent GenerationStartedEvent ParseCompletedEvent "
        "ParseFailedEvent ParseStartedEvent ReductionCompletedEvent ReductionFailedEvent "
        "ReductionStartedEvent RunCompletedEvent RunFailedEvent RunStartedEvent ScoreCompletedEvent "
        "ScoreFailedEvent ScoreStartedEvent SelectionCompletedEvent SelectionFailedEvent "
        "SelectionStartedEvent"
    ),
    ".experiment": "Experiment",
    ".bundles.exporting": (
        "export_evaluation_bundle export_generation_bundle export_parse_bundle export_reduction_bundle"
        " export_score_bundle"
    ),
    ".bundles.importing": (
        "import_evaluation_bundle import_generation_bundle import_parse_bundle import_reduction_bundle"
        " import_score_bundle"
    ),
    ".inspection": "get_evaluation_execution get_execution_state get_run_result get_run_snapshot quickcheck",
    ".models": (
        "Case ConversationTrace Dataset GenerationResult Message ParsedOutput ReducedCandidate Score "
        "ScoreError TraceStep WorkflowTrace"
    ),
    ".prompts": "PromptSpec",
    ".protocols": (
        "CandidateReducer CandidateSelector EvaluationWorkflow Generator JudgeModel LLMMetric "
        "LifecycleSubscriber Parser PureMetric SelectionMetric TraceMetric TracingProvider WorkflowRunner"
    ),
    ".read_models": "BenchmarkResult BenchmarkScoreRow",
    ".reports": "Reporter snapshot_report",
    ".results": "CaseResult ExecutionState ProgressSnapshot RunEstimate RunResult RunStatus",
    ".snapshot": "ComponentRef RunSnapshot",
    ".stores": "InMemoryRunStore RunStore SqliteRunStore create_run_store register_store_backend sqlite_store",
    ".subjects": "CandidateSetSubject ConversationSubject TraceSubject",
    ".submission": "SubmissionManifest run_batch_request run_worker_once submit_experiment",
    ".workflows": (
        "AggregationResult EvaluationExecution JudgeCall JudgeResponse ParsedJudgment RenderedJudgePrompt "
        "WorkflowFailure build_prompt_template_context"
    ),
}
"""The names that each module gives, parted by spaces."""

# Imported on first use, so that a program that needs one name does not wait for all of them.
__getattr__ = lazy_names(__name__, {name: module for module, names in _NAMES.items() for name in names.split()})


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted({*globals(), *__all__})
