"""The contract's models: each field and its default, frozen, and without unknown fields."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import themis.core as t
from tests.support.lab import experiment
from themis.core.snapshot import RunProvenance

REQUIRED = object()

MODELS: dict[type[BaseModel], dict[str, Any]] = {
    t.Case: {"case_id": REQUIRED, "input": REQUIRED, "expected_output": None, "metadata": {}},
    t.Dataset: {"dataset_id": REQUIRED, "cases": [], "revision": None, "metadata": {}},
    t.Message: {"role": REQUIRED, "content": REQUIRED},
    t.TraceStep: {
        "step_name": REQUIRED,
        "step_type": REQUIRED,
        "input": {},
        "output": {},
        "metadata": {},
        "timestamp": None,
    },
    t.GenerationResult: {
        "candidate_id": REQUIRED,
        "final_output": REQUIRED,
        "trace": None,
        "conversation": None,
        "artifacts": None,
        "token_usage": None,
        "latency_ms": None,
    },
    t.ReducedCandidate: {
        "candidate_id": REQUIRED,
        "source_candidate_ids": [],
        "final_output": REQUIRED,
        "metadata": {},
    },
    t.ParsedOutput: {"value": REQUIRED, "format": None, "metadata": {}},
    t.Score: {"metric_id": REQUIRED, "value": REQUIRED, "details": {}},
    t.ScoreError: {"metric_id": REQUIRED, "reason": REQUIRED, "retryable": False, "details": {}},
    t.WorkflowTrace: {"trace_id": REQUIRED, "steps": []},
    t.ConversationTrace: {"trace_id": REQUIRED, "messages": []},
    t.PromptSpec: {"instructions": None, "prefix": None, "suffix": None, "blocks": []},
    t.GenerationConfig: {
        "generator": REQUIRED,
        "candidate_policy": {},
        "prompt_spec": None,
        "selector": None,
        "reducer": None,
    },
    t.EvaluationConfig: {
        "metrics": [],
        "parsers": [],
        "judge_models": [],
        "prompt_spec": None,
        "judge_config": {},
        "workflow_overrides": {},
        "on_no_answer": "incorrect",
        "score_candidates": "reduced",
        "views": {},
    },
    t.StorageConfig: {"store": REQUIRED, "parameters": {}},
    t.RuntimeConfig: {
        "max_concurrent_tasks": 32,
        "stage_concurrency": {},
        "provider_concurrency": {},
        "provider_rate_limits": {},
        "generation_retry_attempts": 3,
        "generation_retry_delay": 0.01,
        "generation_retry_backoff": 2.0,
        "judge_retry_attempts": 3,
        "judge_retry_delay": 0.01,
        "judge_retry_backoff": 2.0,
        "store_retry_attempts": 5,
        "store_retry_delay": 0.01,
        "existing_run_policy": "auto",
        "queue_root": None,
        "batch_root": None,
    },
    t.ProgressSnapshot: {"total_cases": 0, "completed_cases": 0, "failed_cases": 0},
    t.CaseResult: {
        "case_id": REQUIRED,
        "dataset_id": REQUIRED,
        "case_key": REQUIRED,
        "generated_candidates": [],
        "evaluation_executions": [],
        "scores": [],
        "generation_failures": {},
        "evaluation_failures": {},
        "reduced_candidate": None,
        "reduction_error": None,
        "parsed_output": None,
        "parse_error": None,
    },
    t.RunResult: {
        "run_id": REQUIRED,
        "status": REQUIRED,
        "completed_through_stage": None,
        "progress": t.ProgressSnapshot(),
        "cases": [],
    },
    t.ExecutionState: {
        "run_id": REQUIRED,
        "status": t.RunStatus.PENDING,
        "completed_through_stage": None,
        "case_states": {},
    },
    t.RunEstimate: {
        "run_id": REQUIRED,
        **dict.fromkeys(("total_cases", "candidate_count"), 0),
        **{f"{kind}metric_count": 0 for kind in ("", "pure_", "workflow_")},
        **{f"planned_{stage}_tasks": 0 for stage in ("generation", "reduction", "parse", "score")},
        **{f"estimated_{what}_tokens": 0 for what in ("generation_input", "generation_output", "total")},
        **{f"estimated_judge_{what}_tokens": 0 for what in ("prompt", "output")},
        "assumptions": {},
    },
    t.BenchmarkScoreRow: {
        "case_id": REQUIRED,
        "dataset_id": None,
        "case_key": None,
        "metric_id": REQUIRED,
        "outcome": "incorrect",
        "value": None,
        "candidate_id": None,
        "error_category": None,
        "error_message": None,
        "details": {},
    },
    t.BenchmarkResult: {
        "run_id": REQUIRED,
        "dataset_ids": [],
        "metric_ids": [],
        "total_cases": 0,
        "completed_cases": 0,
        "failed_cases": 0,
        "metric_means": {},
        "outcome_counts": {},
        "error_counts": {},
        "score_rows": [],
    },
    t.SubmissionManifest: {
        "run_id": REQUIRED,
        "mode": REQUIRED,
        "config_path": None,
        "manifest_path": REQUIRED,
        "snapshot": REQUIRED,
        "execution_targets": {},
        "status": "pending",
    },
    t.Experiment: {
        "generation": REQUIRED,
        "evaluation": REQUIRED,
        "storage": REQUIRED,
        "runtime": t.RuntimeConfig(),
        "datasets": [],
        "seeds": [],
        "environment_metadata": {},
        "provider_metadata": {},
    },
    t.RunSnapshot: dict.fromkeys(("identity", "provenance", "component_refs", "datasets", "metric_kinds"), REQUIRED),
}
"""The fields that the contract names; a model may have more, which then are not required."""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_model_has_its_fields_and_their_defaults(model: type[BaseModel]) -> None:
    found = {
        name: REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
    }
    named = MODELS[model]
    assert {name: found[name] for name in named} == named
    assert [name for name, default in found.items() if default is REQUIRED and name not in named] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_model_is_frozen_and_refuses_unknown_fields(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


CONTEXTS: dict[Any, dict[str, Any]] = {
    t.GenerateContext: {
        "run_id": REQUIRED,
        "case_id": REQUIRED,
        "dataset_id": None,
        "case_key": None,
        "seed": None,
        "seed_is_given": False,
        "prompt_spec": None,
        "idle_timeout_s": None,
        "metadata": {},
    },
    t.SelectContext: {
        "run_id": REQUIRED,
        "case_id": REQUIRED,
        "dataset_id": None,
        "case_key": None,
        "candidate_ids": [],
        "seed": None,
        "metadata": {},
        "judge_models": [],
    },
    t.ReduceContext: {
        "run_id": REQUIRED,
        "case_id": REQUIRED,
        "dataset_id": None,
        "case_key": None,
        "candidate_ids": [],
        "seed": None,
        "metadata": {},
    },
    t.ParseContext: {
        "run_id": REQUIRED,
        "case_id": REQUIRED,
        "dataset_id": None,
        "case_key": None,
        "candidate_id": None,
        "metadata": {},
    },
    t.ScoreContext: {
        "run_id": REQUIRED,
        "case": REQUIRED,
        "parsed_output": REQUIRED,
        "dataset_id": None,
        "case_key": None,
        "dataset_metadata": {},
        "seed": None,
        "candidate_index": None,
    },
}


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.__name__)
def test_a_context_has_its_fields_and_their_defaults(context: Any) -> None:
    found = {}
    for field in fields(context):
        made = field.default_factory
        found[field.name] = made() if made is not MISSING else REQUIRED if field.default is MISSING else field.default
    assert found == CONTEXTS[context]


def test_a_run_has_one_of_these_states() -> None:
    assert [status.value for status in t.RunStatus] == [
        "pending",
        "running",
        "completed",
        "failed",
        "partial_failure",
        "cancelled",
    ]


def test_models_are_made_with_what_is_required_alone() -> None:
    assert t.Dataset(dataset_id="d").cases == []
    assert t.ReducedCandidate(candidate_id="c", final_output=1).source_candidate_ids == []
    assert t.WorkflowTrace(trace_id="t").steps == []
    assert t.ConversationTrace(trace_id="t").messages == []
    assert t.RunResult(run_id="r", status=t.RunStatus.PENDING).cases == []
    assert t.RunEstimate(run_id="r").estimated_total_tokens == 0
    assert t.BenchmarkResult(run_id="r").score_rows == []
    assert t.BenchmarkScoreRow(case_id="c", metric_id="m").value is None
    manifest = t.SubmissionManifest(run_id="r", mode="batch", manifest_path=Path("x"), snapshot=experiment().compile())
    assert (manifest.status, manifest.execution_targets, manifest.config_path) == ("pending", {}, None)


def test_ids_and_labels_that_are_numbers_become_their_texts() -> None:
    case = t.Case(case_id=7, input="x", metadata={"level": 3, "weight": 0.5})  # type: ignore[arg-type,dict-item]
    assert (case.case_id, case.metadata) == ("7", {"level": "3", "weight": "0.5"})
    dataset = t.Dataset.model_validate({"dataset_id": 2024, "metadata": {"part": 1}})
    assert (dataset.dataset_id, dataset.metadata) == ("2024", {"part": "1"})
    for wrong in (True, None, ["x"]):
        with pytest.raises(ValidationError):
            t.Case.model_validate({"case_id": "c", "input": "x", "metadata": {"a": wrong}})


def test_a_snapshot_says_what_a_run_is() -> None:
    snapshot = experiment().compile()
    assert len(snapshot.run_id) == 64
    assert snapshot.model_dump()["run_id"] == snapshot.run_id
    assert set(RunProvenance.model_fields) >= {
        "themis_version",
        "python_version",
        "platform",
        "git_commit",
        "dependency_versions",
        "provider_metadata",
        "environment_metadata",
    }
    assert t.ComponentRef.model_validate(snapshot.component_refs.generator).component_id == "builtin/demo_generator"
