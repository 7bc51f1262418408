"""Snapshot of a run: its identity, which decides `run_id`, and its provenance, which does not."""

from functools import cached_property
from typing import Any

from pydantic import Field, computed_field

from themis.core.base import FrozenModel, GrowingModel, JSONValue
from themis.core.components.references import ComponentRef
from themis.core.config import OnNoAnswer, OnStops
from themis.core.dataset_config import FieldPath
from themis.core.models import Case
from themis.core.outcomes.stages import Stage
from themis.core.prompt_config import RunPrompt
from themis.core.prompts import FIRST_BLOCK_RENDERING, PromptSpec
from themis.core.text.canonical import content_hash
from themis.core.values.bounds import MOST_COUNT
from themis.core.values.dataset_selection import DatasetSelection

COUNT_KEYS = ("num_samples", "pass_k", "best_of", "self_consistency_count")
"""Keys of a candidate policy for the number of candidates; the largest counts. Other keys only make another run."""

PURE = "pure"
"""The kind of a metric that asks no judge."""


class SnapshotDataset(FrozenModel):
    """A dataset as it was when the run was made.

    Attributes:
        content: hash over the content of all cases, in order; equal for equal cases, listed or from a file.
        case_count: number of cases.
        path: the file with its cases, for a dataset by reference.
        fields: where the values of a case are in a record of that file.
        selection: the cases of that file that are taken, and their order; None when all are, as they stand there.
        cases: the cases, for a dataset that was listed in full.
        derived_seeds: one for each candidate of its cases, when the run was given none; None in runs of version 4.0.
    """

    dataset_id: str
    revision: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    content: str
    case_count: int
    path: str | None = None
    fields: dict[str, FieldPath] | None = None
    selection: DatasetSelection | None = Field(default=None, exclude_if=lambda value: value is None)
    cases: list[Case] | None = None
    derived_seeds: list[int] | None = None

    def identity(self) -> dict[str, JSONValue]:
        """The part that decides a `run_id`; empty labels are left out, so that earlier ids stay the same."""
        said: dict[str, JSONValue] = {
            "dataset_id": self.dataset_id,
            "revision": self.revision,
            "content": self.content,
        }
        return said | ({"metadata": dict(self.metadata)} if self.metadata else {})


class ComponentRefs(FrozenModel):
    """The components of a run, by role."""

    generator: ComponentRef
    selector: ComponentRef | None = None
    reducer: ComponentRef | None = None
    parsers: list[ComponentRef] = Field(default_factory=list)
    metrics: list[ComponentRef] = Field(default_factory=list)
    judge_models: list[ComponentRef] = Field(default_factory=list)

    def all(self) -> dict[str, ComponentRef]:
        """Return every component by its path in the configuration."""
        single = {
            "generation.generator": self.generator,
            "generation.selector": self.selector,
            "generation.reducer": self.reducer,
        }
        found = {place: ref for place, ref in single.items() if ref is not None}
        for role in ("parsers", "metrics", "judge_models"):
            found |= {f"evaluation.{role}.{index}": ref for index, ref in enumerate(getattr(self, role))}
        return found


class RunIdentity(GrowingModel):
    """All that decides a `run_id`, and nothing else. A new field needs a default, so that earlier ids stay the same.

    Attributes:
        prompt: the prompt from templates, with its examples; None when there are no templates.
        block_rendering: the block format of the generation prompt; see `PromptSpec.block_rendering`.
    """

    datasets: list[dict[str, JSONValue]]
    generator: dict[str, JSONValue]
    selector: dict[str, JSONValue] | None
    reducer: dict[str, JSONValue] | None
    parsers: list[dict[str, JSONValue]]
    metrics: list[dict[str, JSONValue]]
    judge_models: list[dict[str, JSONValue]]
    candidate_policy: dict[str, JSONValue]
    generation_prompt_spec: PromptSpec | None
    evaluation_prompt_spec: PromptSpec | None
    judge_config: dict[str, JSONValue]
    workflow_overrides: dict[str, JSONValue]
    seeds: list[int]
    on_no_answer: OnNoAnswer = "incorrect"
    on_stop: OnStops = Field(default_factory=dict)
    block_rendering: int = FIRST_BLOCK_RENDERING
    prompt: RunPrompt | None = None


class RunProvenance(FrozenModel):
    """Environment in which a run was made: that of the machine that compiled it."""

    themis_version: str
    python_version: str
    platform: str
    git_commit: str | None
    dependency_versions: dict[str, str]
    provider_metadata: dict[str, JSONValue]
    environment_metadata: dict[str, str]
    storage: dict[str, JSONValue]
    runtime: dict[str, JSONValue]


class RunSnapshot(FrozenModel):
    """A frozen run: it can be stored, compared, and loaded again in another process.

    Attributes:
        metric_kinds: by metric id, `pure`.
    """

    identity: RunIdentity
    provenance: RunProvenance
    component_refs: ComponentRefs
    datasets: list[SnapshotDataset]
    metric_kinds: dict[str, str]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented order of decorators
    @cached_property
    def run_id(self) -> str:
        """SHA-256 of the canonical identity, as 64 hex digits."""
        return content_hash(self.identity.model_dump(mode="json"))

    @property
    def total_cases(self) -> int:
        """Number of cases in all datasets."""
        return sum(dataset.case_count for dataset in self.datasets)

    @property
    def metric_ids(self) -> list[str]:
        """Ids of the metrics, in order."""
        return [ref.component_id for ref in self.component_refs.metrics]

    @property
    def last_stage(self) -> Stage:
        """The last stage that does anything: nothing is scored without metrics, or judged without judges."""
        if any(kind != PURE for kind in self.metric_kinds.values()):
            return Stage.JUDGE
        return Stage.SCORE if self.component_refs.metrics else Stage.PARSE

    @property
    def candidate_count(self) -> int:
        """Number of candidates of each case."""
        return candidate_count(self.identity.candidate_policy)

    def seeds(self, dataset_no: int) -> list[int]:
        """Return the seeds of a dataset's candidates: the given ones, else the derived ones."""
        derived = self.datasets[dataset_no].derived_seeds
        if self.identity.seeds or derived is None:
            return self.identity.seeds or [_seed_of_version_4_0(self.run_id, no) for no in range(self.candidate_count)]
        return derived


def candidate_count(policy: dict[str, JSONValue]) -> int:
    """Return the largest of the counts that a candidate policy names; 1 when it names none.

    Raises:
        ValueError: a count is not a whole number of at least 1, or is above the limit.
    """
    counts = [1]
    for key in COUNT_KEYS:
        value: Any = policy.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            msg = f"candidate_policy.{key} must be a whole number of at least 1, not {value!r}"
            raise ValueError(msg)
        if value > MOST_COUNT:
            msg = f"candidate_policy.{key} must be no more than {MOST_COUNT:,}"
            raise ValueError(msg)
        counts.append(value)
    return max(counts)


def seed_of(facts: list[JSONValue]) -> int:
    """Return 31 bits derived from some facts."""
    return int(content_hash(facts)[:8], 16) & 0x7FFF_FFFF


def _seed_of_version_4_0(run_id: str, candidate: int) -> int:
    return seed_of([run_id, candidate])


def case_key(dataset_id: str, case_id: str) -> str:
    """Return the key of a case among several datasets: `<length of dataset_id>:<dataset_id>:<case_id>`."""
    return f"{len(dataset_id)}:{dataset_id}:{case_id}"


__all__ = [
    "PURE",
    "ComponentRef",
    "ComponentRefs",
    "RunIdentity",
    "RunProvenance",
    "RunSnapshot",
    "SnapshotDataset",
    "candidate_count",
    "case_key",
    "seed_of",
]
