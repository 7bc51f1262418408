"""Binding of a calibration: by what judges and rubrics of different runs are known to be the same."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from themis.core.base import JSONValue
from themis.core.components.references import ComponentRef
from themis.core.outcomes.items import item_of
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore
from themis.core.stores.stored_cases import iter_cases
from themis.core.text.canonical import canonical_json

_SHIPPED = "builtin/"


@dataclass(slots=True)
class _Asked:
    """The judges that a metric asked in a run, by the ids of the experiment, and the models that answered."""

    judges: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)


def bindings(store: RunStore, snapshot: RunSnapshot, metric_ids: Collection[str]) -> dict[str, dict[str, JSONValue]]:
    """Return what decides whether the verdicts of judged metrics in a run are of a judge and rubric known elsewhere.

    It is the metric with its arguments, so its rubric and scale; the settings of the experiment that reach its prompts;
    the judges that it asked, and the models that answered. The names that the experiment gives to metric and judges
    have no part in it. Where the rubric is in the cases, the datasets have.
    """
    columns = {column: name for column, name in snapshot.metric_columns.items() if name in metric_ids}
    asked = {column: _Asked() for column in columns}
    for case in iter_cases(store, snapshot):
        for outcome in case.outcomes:
            if outcome.stage is Stage.JUDGE and outcome.item in asked and outcome.output is not None:
                _note(asked[outcome.item], from_json(outcome.output))
    return {columns[column]: _binding(snapshot, column, found) for column, found in asked.items()}


def _note(asked: _Asked, execution: Any) -> None:
    """Note who was asked in an execution; it is read as JSON, as there may be many."""
    asked.judges.update(call["judge_model_id"] for call in execution.get("judge_calls", ()))
    versions = (response.get("judge_model_version") for response in execution.get("judge_responses", ()))
    asked.models.update(version for version in versions if version is not None)


def _binding(snapshot: RunSnapshot, column: int, asked: _Asked) -> dict[str, JSONValue]:
    refs, item, identity = snapshot.component_refs, item_of(column), snapshot.identity
    metrics = refs.numbered_views()[item.view][1].metrics if item.view else refs.metrics
    metric = _unnamed(metrics[item.metric])
    judges: list[JSONValue] = [_unnamed(ref) for ref in refs.judge_models if ref.component_id in asked.judges]
    prompt_spec = identity.evaluation_prompt_spec
    bound: dict[str, JSONValue] = {
        "metric": metric,
        "judges": sorted(judges, key=canonical_json),
        "models": [*sorted(asked.models)],
        "prompt_spec": None if prompt_spec is None else prompt_spec.model_dump(mode="json"),
        "workflow_overrides": identity.workflow_overrides,
        "judge_config": identity.judge_config,
    }
    if _has_rubrics_of_cases(metric, identity.workflow_overrides):
        bound["datasets"] = [dataset.content for dataset in snapshot.datasets]
    return bound


def _unnamed(ref: ComponentRef) -> dict[str, JSONValue]:
    return {name: value for name, value in ref.identity().items() if name != "as"}


def _has_rubrics_of_cases(metric: dict[str, JSONValue], overrides: dict[str, JSONValue]) -> bool:
    """Whether a shipped metric may take its rubric from each case, see `themis.core.judging.rubrics`."""
    if not str(metric["id"]).startswith(_SHIPPED):
        return False
    arguments: Any = metric.get("arguments") or {}
    if arguments.get("rubric_from") is not None:
        return True
    return arguments.get("rubric") is None and overrides.get("rubric") is None
