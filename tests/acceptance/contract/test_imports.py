"""The contract's import paths: each name is where users' programs import it from, and in `themis.core` too."""

import importlib
import subprocess
import sys

import pytest

_STAGES = ("Generation", "Selection", "Reduction", "Parse", "Score", "Evaluation")
_EVENTS = [f"{stage}{end}Event" for stage in ("Run", *_STAGES) for end in ("Started", "Completed", "Failed")]

_BUNDLES = ("generation", "reduction", "parse", "score", "evaluation")

NAMES: dict[str, list[str]] = {
    "themis": [
        "Experiment",
        "evaluate",
        "evaluate_async",
        "PromptSpec",
        "RunResult",
        "RunStatus",
        "RunSnapshot",
        "RunEstimate",
        "RuntimeConfig",
        "RunStore",
        "InMemoryRunStore",
        "SqliteRunStore",
        "sqlite_store",
        "Reporter",
        "quickcheck",
        "snapshot_report",
        "get_run_snapshot",
        "get_execution_state",
        "get_run_result",
        *(f"{way}_{stage}_bundle" for way in ("export", "import") for stage in _BUNDLES),
        "get_evaluation_execution",
        "StatsEngine",
        "Case",
        "Dataset",
        "submit_experiment",
        "run_worker_once",
    ],
    "themis.core.experiment": ["Experiment"],
    "themis.core.evaluate": ["evaluate", "evaluate_async"],
    "themis.core.submission": ["submit_experiment", "run_worker_once", "run_batch_request", "SubmissionManifest"],
    "themis.core.models": [
        "Case",
        "Dataset",
        "Message",
        "TraceStep",
        "GenerationResult",
        "ReducedCandidate",
        "ParsedOutput",
        "Score",
        "ScoreError",
        "WorkflowTrace",
        "ConversationTrace",
    ],
    "themis.core.config": ["GenerationConfig", "EvaluationConfig", "StorageConfig", "RuntimeConfig"],
    "themis.core.prompts": ["PromptSpec"],
    "themis.core.contexts": [
        "GenerateContext",
        "SelectContext",
        "ReduceContext",
        "ParseContext",
        "ScoreContext",
        "EvalScoreContext",
    ],
    "themis.core.protocols": [
        "Generator",
        "CandidateSelector",
        "CandidateReducer",
        "Parser",
        "PureMetric",
        "LLMMetric",
        "SelectionMetric",
        "TraceMetric",
        "JudgeModel",
        "EvaluationWorkflow",
        "WorkflowRunner",
        "LifecycleSubscriber",
        "TracingProvider",
    ],
    "themis.core.events": _EVENTS,
    "themis.core.results": [
        "RunStatus",
        "RunResult",
        "CaseResult",
        "ProgressSnapshot",
        "ExecutionState",
        "RunEstimate",
    ],
    "themis.core.read_models": ["BenchmarkResult", "BenchmarkScoreRow"],
    "themis.core.subjects": ["CandidateSetSubject", "TraceSubject", "ConversationSubject"],
    "themis.core.workflows": [
        "JudgeCall",
        "RenderedJudgePrompt",
        "ParsedJudgment",
        "AggregationResult",
        "JudgeResponse",
        "WorkflowFailure",
        "EvaluationExecution",
        "build_prompt_template_context",
    ],
    "themis.core.stores": [
        "InMemoryRunStore",
        "SqliteRunStore",
        "sqlite_store",
        "create_run_store",
        "register_store_backend",
    ],
    "themis.core.stores.sqlite": ["SqliteRunStore", "sqlite_store"],
    "themis.core.dataset_inputs": ["dataset_from_inline", "dataset_from_jsonl", "dataset_from_huggingface"],
    "themis.core.base": ["JSONValue"],
    "themis.core.snapshot": ["RunSnapshot", "ComponentRef"],
}


@pytest.mark.parametrize("module", NAMES)
def test_each_name_is_where_it_is_imported_from_and_in_themis_core_too(module: str) -> None:
    found, core = importlib.import_module(module), importlib.import_module("themis.core")
    for name in NAMES[module]:
        assert getattr(found, name) is getattr(core, name), name
    assert set(NAMES[module]) <= set(core.__all__)


def test_the_version_is_a_text() -> None:
    themis = importlib.import_module("themis")
    assert themis.__version__.count(".") >= 2


def test_nothing_is_in_themis_core_that_the_contract_does_not_name() -> None:
    named = {name for names in NAMES.values() for name in names}
    assert set(importlib.import_module("themis.core").__all__) == named


# `themis.core.evaluate` is a module, and the function in it: whoever asks the package for that name means the function.
ORDERS = {
    "the function first": "from themis.core import evaluate",
    "the module first": "import themis.core.evaluate; from themis.core import evaluate",
    "a name of the module first": "from themis.core.evaluate import evaluate_async; from themis.core import evaluate",
    "of the module": "from themis.core import evaluate_async; from themis.core.evaluate import evaluate",
    "of themis": "import themis.core.evaluate; from themis import evaluate",
}


@pytest.mark.slow
def test_evaluate_is_the_function_whatever_was_imported_before_it() -> None:
    program = "\n".join(
        f"""
for name in [name for name in sys.modules if name.partition(".")[0] == "themis"]:
    del sys.modules[name]
{order}
print(type(evaluate).__name__, evaluate.__name__)
"""
        for order in ORDERS.values()
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == ["function evaluate"] * len(ORDERS)


def test_naming_themis_core_imports_nothing_heavy_before_a_name_is_used() -> None:
    program = "import sys, themis.core; print({'pydantic', 'asyncio', 'sqlite3', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"
