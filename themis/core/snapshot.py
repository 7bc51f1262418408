"""Snapshot of a run: its identity, which decides `run_id`, and its provenance, which does not."""

from functools import cached_property
from typing import Any

from pydantic import Field, computed_field

from themis.core.base import FrozenModel, GrowingModel, JSONValue
from themis.core.components.metric_families import PURE
from themis.core.components.references import ComponentRef, ComponentTarget
from themis.core.components.run_refs import ComponentRefs
from themis.core.config import OnNoAnswer, OnStops, ScoreCandidates, Task
from themis.core.dataset_config import FieldPath
from themis.core.models import Case
from themis.core.outcomes.items import Item, item_of
from themis.core.outcomes.stages import Stage
from themis.core.prompt_config import RunPrompt
from themis.core.prompts import FIRST_BLOCK_RENDERING, PromptSpec
from themis.core.result_views.on_demand import ItemsInParts
from themis.core.text.canonical import content_hash
from themis.core.values.bounds import MOST_COUNT
from themis.core.values.dataset_selection import DatasetSelection
from themis.core.values.hub_split import HubSplit

COUNT_KEYS = ("num_samples", "pass_k", "best_of", "self_consistency_count")
"""Keys of a candidate policy for the number of candidates; the largest counts. Other keys only make another run."""


class SnapshotDataset(FrozenModel):
    """A dataset as it was when the run was made.

    Attributes:
        content: hash over the content of all cases, in order; equal for equal cases, listed or from a file.
        case_count: number of cases.
        path: the file or folder with its cases, for a dataset by reference.
        loader: what yields its cases, for a dataset that a function yields.
        fields: where the values of a case are in a record of the file, or of what is yielded.
        selection: the records that are taken, and their order; None when all are, as they stand there.
        huggingface: the split with its cases, at the commit that was read.
        cases: the cases, for a dataset that was listed in full; those of a stored run are read as they are needed.
        derived_seeds: one for each candidate of its cases, when the run was given none; None in runs of version 4.0.
    """

    dataset_id: str
    revision: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    content: str
    case_count: int
    path: str | None = None
    loader: ComponentTarget | None = Field(default=None, exclude_if=lambda value: value is None)
    fields: dict[str, FieldPath] | None = None
    selection: DatasetSelection | None = Field(default=None, exclude_if=lambda value: value is None)
    huggingface: HubSplit | None = Field(default=None, exclude_if=lambda value: value is None)
    cases: ItemsInParts[Case] | list[Case] | None = None
    derived_seeds: list[int] | None = None

    @property
    def place(self) -> str | None:
        """The place of its cases, for messages; None for those that were listed."""
        if self.loader is not None:
            return self.loader.use
        return self.path or (None if self.huggingface is None else self.huggingface.title)

    def identity(self) -> dict[str, JSONValue]:
        """The part that decides a `run_id`; empty labels are left out, so that earlier ids stay the same."""
        said: dict[str, JSONValue] = {
            "dataset_id": self.dataset_id,
            "revision": self.revision,
            "content": self.content,
        }
        return said | ({"metadata": dict(self.metadata)} if self.metadata else {})


class RunIdentity(GrowingModel):
    """All that decides a `run_id`, and nothing else. A new field needs a default, so that earlier ids stay the same.

    Attributes:
        prompt: the prompt from templates, with its examples; None when there are no templates.
        block_rendering: the block format of the generation prompt; see `PromptSpec.block_rendering`.
        continuation: template of a continuation; None when answers are generated.
        score_candidates: `each` when single candidates are scored too.
        views: the identities of the components of each view, by its name.
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
    task: Task = "generate"
    continuation: str | None = None
    score_candidates: ScoreCandidates = "reduced"
    views: dict[str, dict[str, list[dict[str, JSONValue]]]] = Field(default_factory=dict)


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
        metric_kinds: the family of each metric by its id: `pure`, `llm`, `selection` or `trace`.
        media_folder: the folder of the files that prompts name; None when they name none.
    """

    identity: RunIdentity
    provenance: RunProvenance
    component_refs: ComponentRefs
    datasets: list[SnapshotDataset]
    metric_kinds: dict[str, str]
    media_folder: str | None = Field(default=None, exclude_if=lambda value: value is None)

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented order of decorators
    @cached_property
    def run_id(self) -> str:
        """SHA-256 of the canonical identity, as 64 hex digits."""
        return content_hash(self.identity.model_dump(mode="json"))

    @property
    def total_cases(self) -> int:
        """Number of cases in all datasets."""
        return sum(dataset.case_count for dataset in self.datasets)

    @cached_property
    def metric_columns(self) -> dict[int, str]:
        """Ids of the metrics by their column, see `Item`, in order."""
        return self.component_refs.columns()

    @property
    def metric_ids(self) -> list[str]:
        """Ids of the metrics, in order."""
        return list(self.metric_columns.values())

    @property
    def judged_metrics(self) -> list[str]:
        """Ids of the metrics that ask judges, in order."""
        return [metric_id for metric_id in self.metric_ids if self.metric_kinds[metric_id] != PURE]

    @property
    def scores_each(self) -> bool:
        """Whether every candidate is scored, beside the reduced one."""
        return self.identity.score_candidates == "each"

    @cached_property
    def evaluation_items(self) -> dict[Stage, frozenset[int]]:
        """Numbers of the outcomes that each stage of the evaluation has for a case, see `Item`."""
        refs = self.component_refs
        found: dict[Stage, set[int]] = {Stage.PARSE: set(), Stage.SCORE: set(), Stage.JUDGE: set()}
        for candidate in (None, *(range(self.candidate_count) if self.scores_each else ())):
            parsed = [view for view in (0, *refs.numbered_views()) if refs.parsers_of(view)]
            found[Stage.PARSE] |= {Item(view=view, candidate=candidate).number for view in parsed}
            for column, metric_id in self.metric_columns.items():
                if self.metric_kinds[metric_id] == PURE:
                    found[Stage.SCORE].add(item_of(column)._replace(candidate=candidate).number)
                elif candidate is None:
                    found[Stage.JUDGE].add(column)
        return {stage: frozenset(items) for stage, items in found.items()}

    @property
    def last_stage(self) -> Stage:
        """The last stage that does anything: nothing is scored without metrics, or judged without judges."""
        if any(kind != PURE for kind in self.metric_kinds.values()):
            return Stage.JUDGE
        return Stage.SCORE if self.metric_columns else Stage.PARSE

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

    def listed_cases(self) -> dict[str, Case]:
        """Return the cases of the datasets that list them, by case key."""
        return {
            case_key(dataset.dataset_id, case.case_id): case
            for dataset in self.datasets
            for case in dataset.cases or ()
        }


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
