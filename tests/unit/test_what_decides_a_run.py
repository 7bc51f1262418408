"""Every field that an experiment has, and whether it decides what a run is: whoever adds one says so here."""

from typing import Any

import pytest
from pydantic import BaseModel

from tests.support.lab import ScriptedMetric, ScriptedParser, ScriptedReducer, ScriptedSelector
from themis.core.config import (
    DatasetFile,
    DatasetLoader,
    DatasetOnHub,
    EvaluationConfig,
    ExperimentConfig,
    GenerationConfig,
    RuntimeConfig,
    StorageConfig,
    ViewConfig,
)
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.prompt_config import PromptConfig
from themis.core.prompts import PromptSpec
from themis.core.snapshot import RunIdentity
from themis.core.values.dataset_selection import DatasetSelection
from themis.core.values.hub_split import HubSplit

PART = "a part of its own, below"
REFUSED = "refused today"
WITH_OTHERS = "has a meaning only beside other values, below"
SAME_CONTENT = "decides through the content of the cases, see test_snapshot_identity"

GENERATION: dict[str, Any] = {
    "generator": {"use": "builtin/demo_generator"},
    "candidate_policy": {"k": 1},
    "prompt_spec": PART,
    "prompt": PromptConfig(system="S"),
    "selector": ScriptedSelector(lambda found: found, component_id="lab/selector"),
    "reducer": ScriptedReducer(lambda found: found[0], component_id="lab/reducer"),
    "task": WITH_OTHERS,
    "continuation": WITH_OTHERS,
}
EVALUATION: dict[str, Any] = {
    "metrics": [ScriptedMetric(component_id="lab/other")],
    "parsers": [ScriptedParser(lambda output: output, component_id="lab/parser")],
    "judge_models": REFUSED,
    "prompt_spec": PART,
    "judge_config": {"k": 1},
    "workflow_overrides": {"k": 1},
    "on_no_answer": "unscored",
    "on_stop": {"truncated": "unscored"},
    "score_candidates": "each",
    "views": {"strict": ViewConfig(metrics=[ScriptedMetric()])},
}
PROMPT: dict[str, Any] = {"instructions": "I", "prefix": "P", "suffix": "S", "blocks": [{"content": "B"}]}
DATASET: dict[str, Any] = {"dataset_id": "e", "cases": PART, "revision": "2", "metadata": {"k": "v"}}
CASE: dict[str, Any] = {"case_id": "b", "input": "J", "expected_output": "E", "metadata": {"k": "v"}}
DATASET_FILE: dict[str, Any] = {
    "dataset_id": DATASET["dataset_id"],
    "path": SAME_CONTENT,
    "fields": SAME_CONTENT,
    "revision": DATASET["revision"],
    "metadata": DATASET["metadata"],
    # They decide by the cases that they leave, and their order.
    **dict.fromkeys(DatasetSelection.model_fields, SAME_CONTENT),
}
DATASET_LOADER: dict[str, Any] = {name: value for name, value in DATASET_FILE.items() if name != "path"} | {
    "use": SAME_CONTENT,
    "arguments": SAME_CONTENT,
}
DATASET_ON_HUB: dict[str, Any] = {
    **{name: value for name, value in DATASET_FILE.items() if name not in {"path", "revision"}},
    "huggingface": PART,
}
# The commit is the revision of its dataset; tests/unit/datasets/hub has runs of splits.
HUB_SPLIT: dict[str, Any] = {
    **dict.fromkeys(("name", "config", "split", "streaming"), SAME_CONTENT),
    "revision": DATASET["revision"],
}
STORAGE: dict[str, Any] = {"store": "sqlite", "parameters": {"path": "/x"}}
RUNTIME: dict[str, Any] = {
    "max_concurrent_tasks": 1,
    "stage_concurrency": {"generation": 1},
    "provider_concurrency": {"p": 1},
    "provider_rate_limits": {"p": 1.0},
    "provider_token_limits": {"p": 1.0},
    "adaptive": None,
    "request_timeout_s": 9.0,
    "idle_timeout_s": 9.0,
    "case_timeout_s": 9.0,
    "generation_retry_attempts": 1,
    "generation_retry_delay": 1.0,
    "generation_retry_backoff": 1.0,
    "judge_retry_attempts": 1,
    "judge_retry_delay": 1.0,
    "judge_retry_backoff": 1.0,
    "breaker": {"failures": 9},
    "max_failed_share": 0.1,
    "budget": {"tokens": 1_000_000},
    "batch": REFUSED,  # for this generator; tests/unit/adapters/batches has one that takes it
    "store_retry_attempts": 1,
    "store_retry_delay": 1.0,
    "existing_run_policy": "rerun",
    "code_changes": "ignore",
    "queue_root": "/q",
    "batch_root": "/b",
    "max_attempts": 9,
    "max_worker_lost": 9,
    "timeout_s": 9.0,
    "memory_limit_mb": 9,
    "tags": ["gpu"],
    "environment": {"K": "v"},
    "tracing": True,
}
EXPERIMENT: dict[str, Any] = {
    "generation": PART,
    "evaluation": PART,
    "storage": PART,
    "runtime": PART,
    "datasets": PART,
    "seeds": [7],
}
RECORDED: dict[str, Any] = {
    "name": "n",
    "labels": {"k": "v"},
    "environment_metadata": {"k": "v"},
    "themis_version": "9",
    "python_version": "9",
    "platform": "p",
    "git_commit": "f" * 40,
    "dependency_versions": {"k": "1"},
    "provider_metadata": {"k": 1},
}

TABLES: dict[type[BaseModel], set[str]] = {
    GenerationConfig: set(GENERATION),
    EvaluationConfig: set(EVALUATION),
    PromptSpec: set(PROMPT),
    Dataset: set(DATASET),
    DatasetFile: set(DATASET_FILE),
    DatasetLoader: set(DATASET_LOADER),
    DatasetOnHub: set(DATASET_ON_HUB),
    HubSplit: set(HUB_SPLIT),
    Case: set(CASE),
    StorageConfig: set(STORAGE),
    RuntimeConfig: set(RUNTIME),
    Experiment: set(EXPERIMENT) | set(RECORDED),
}


def _run_id(**changes: Any) -> str:
    """The id of a small run, some fields of which are said by `<part>__<field>`."""
    of: dict[str, dict[str, Any]] = {"generation": {}, "evaluation": {}, "dataset": {}, "case": {}, "storage": {}}
    of |= {"runtime": {}, "experiment": {}}
    for name, value in changes.items():
        part, _, field = name.partition("__")
        of[part][field] = value
    case = Case(**({"case_id": "a", "input": "I"} | of["case"]))
    return (
        Experiment(
            generation=GenerationConfig(
                **({"generator": {"use": "builtin/demo_generator", "with": {}}} | of["generation"])
            ),
            evaluation=EvaluationConfig(**({"metrics": [ScriptedMetric()]} | of["evaluation"])),
            storage=StorageConfig(**({"store": "memory"} | of["storage"])),
            runtime=RuntimeConfig(**of["runtime"]),
            datasets=[Dataset(**({"dataset_id": "d", "cases": [case]} | of["dataset"]))],
            **of["experiment"],
        )
        .compile()
        .run_id
    )


DECIDING: dict[str, Any] = {
    **{f"generation__{name}": value for name, value in GENERATION.items() if name != "generator"},
    "generation__generator": {"use": "tests.support.lab:ScriptedGenerator"},
    **{f"evaluation__{name}": value for name, value in EVALUATION.items()},
    **{f"dataset__{name}": value for name, value in DATASET.items()},
    **{f"case__{name}": value for name, value in CASE.items()},
    "experiment__seeds": EXPERIMENT["seeds"],
    **{f"generation__prompt_spec {name}": PromptSpec(**{name: value}) for name, value in PROMPT.items()},
    **{f"evaluation__prompt_spec {name}": PromptSpec(**{name: value}) for name, value in PROMPT.items()},
}
DECIDING = {name: value for name, value in DECIDING.items() if value not in (PART, REFUSED, WITH_OTHERS)}
NOT_DECIDING: dict[str, Any] = {
    **{f"storage__{name}": value for name, value in STORAGE.items()},
    **{f"runtime__{name}": value for name, value in RUNTIME.items() if value != REFUSED},
    **{f"experiment__{name}": value for name, value in RECORDED.items()},
}
PLAIN = _run_id()


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_each_field_is_in_a_table(model: type[BaseModel]) -> None:
    assert set(model.model_fields) == TABLES[model], "say in this file whether the field decides what a run is"
    assert set(ExperimentConfig.model_fields) <= TABLES[Experiment]


@pytest.mark.parametrize("field", DECIDING)
def test_what_reaches_a_result_decides_the_run(field: str) -> None:
    assert _run_id(**{field.split(maxsplit=1)[0]: DECIDING[field]}) != PLAIN


def test_each_of_them_makes_a_run_of_its_own() -> None:
    ids = {field: _run_id(**{field.split()[0]: value}) for field, value in DECIDING.items()}
    assert len({PLAIN, *ids.values()}) == len(ids) + 1


def test_the_task_decides_the_run_and_so_does_the_template_of_continuations() -> None:
    expected = {"case__expected_output": "E"}
    scored = {**expected, "generation__task": "continuations"}
    found = [_run_id(**expected), _run_id(**scored), _run_id(**scored, generation__continuation="{{ choice }}.")]
    assert len(set(found)) == len(found)
    assert _run_id(**scored, generation__continuation=" {{ choice }}") == found[1]
    assert _run_id(**expected, generation__task="generate") == found[0]


@pytest.mark.parametrize("field", NOT_DECIDING)
def test_where_and_how_it_is_carried_out_does_not(field: str) -> None:
    assert _run_id(**{field: NOT_DECIDING[field]}) == PLAIN


def test_a_later_field_of_identity_is_left_out_at_its_default() -> None:
    class Later(RunIdentity):
        """As the next version may have it."""

        on_something: str = "default"
        more: dict[str, int] = {}

    facts: dict[str, Any] = {name: None for name, field in RunIdentity.model_fields.items() if field.is_required()} | {
        name: [] for name in ("datasets", "parsers", "metrics", "judge_models", "seeds")
    }
    facts |= {name: {} for name in ("generator", "candidate_policy", "judge_config", "workflow_overrides")}
    before = RunIdentity(**facts).model_dump(mode="json")
    assert set(before) == {name for name, field in RunIdentity.model_fields.items() if field.is_required()}
    assert Later(**facts).model_dump(mode="json") == before
    assert Later(**facts, more={}, on_something="default").model_dump(mode="json") == before
    said = Later(**facts, on_something="other")
    assert said.model_dump(mode="json") == {**before, "on_something": "other"}
    assert Later.model_validate(said.model_dump(mode="json")) == said
    assert Later.model_validate(before) == Later(**facts)
