"""What a run is: its identity, which decides `run_id`, and its provenance, which does not."""

from functools import cached_property
from typing import Any

from pydantic import Field, computed_field

from themis.core.base import FrozenModel, JSONValue
from themis.core.bounds import MOST_COUNT
from themis.core.canonical import content_hash
from themis.core.components import ComponentRef
from themis.core.config import OnNoAnswer
from themis.core.models import Case
from themis.core.prompts import PromptSpec
from themis.core.stages import Stage

COUNT_KEYS = ("num_samples", "pass_k", "best_of", "self_consistency_count")
"""The keys of a candidate policy that say how many; the largest counts, and any other key only makes another run."""


class SnapshotDataset(FrozenModel):
    """A dataset as the run was made with it.

    Attributes:
        content: hash over the content of all cases, in order; equal for equal cases, listed or from a file.
        case_count: how many cases it has.
        path, fields: where its cases are, for a dataset by reference.
        cases: the cases, for a dataset that was listed in full.
    """

    dataset_id: str
    revision: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    content: str
    case_count: int
    path: str | None = None
    fields: dict[str, str] | None = None
    cases: list[Case] | None = None

    def identity(self) -> dict[str, JSONValue]:
        """The part that decides a `run_id`."""
        return {"dataset_id": self.dataset_id, "revision": self.revision, "content": self.content}


class ComponentRefs(FrozenModel):
    """The components of a run, by role."""

    generator: ComponentRef
    selector: ComponentRef | None = None
    reducer: ComponentRef | None = None
    parsers: list[ComponentRef] = Field(default_factory=list)
    metrics: list[ComponentRef] = Field(default_factory=list)
    judge_models: list[ComponentRef] = Field(default_factory=list)

    def all(self) -> dict[str, ComponentRef]:
        """Every component by its place in the configuration."""
        single = {
            "generation.generator": self.generator,
            "generation.selector": self.selector,
            "generation.reducer": self.reducer,
        }
        found = {place: ref for place, ref in single.items() if ref is not None}
        for role in ("parsers", "metrics", "judge_models"):
            found |= {f"evaluation.{role}.{index}": ref for index, ref in enumerate(getattr(self, role))}
        return found


class RunIdentity(FrozenModel):
    """All that decides a `run_id`, and nothing else.

    Attributes:
        on_no_answer: left out at its default of what is hashed and stored, as it was not there in earlier versions.
    """

    datasets: list[dict[str, JSONValue]]
    generator: dict[str, str]
    selector: dict[str, str] | None
    reducer: dict[str, str] | None
    parsers: list[dict[str, str]]
    metrics: list[dict[str, str]]
    judge_models: list[dict[str, str]]
    candidate_policy: dict[str, JSONValue]
    generation_prompt_spec: PromptSpec | None
    evaluation_prompt_spec: PromptSpec | None
    judge_config: dict[str, JSONValue]
    workflow_overrides: dict[str, JSONValue]
    seeds: list[int]
    on_no_answer: OnNoAnswer = Field(default="incorrect", exclude_if=lambda rule: rule == "incorrect")


class RunProvenance(FrozenModel):
    """Where and with what a run was made; true of the machine that compiled it."""

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
    """A run, frozen: it can be stored, compared, and made live again in another process.

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
        """Cases in all datasets."""
        return sum(dataset.case_count for dataset in self.datasets)

    @property
    def metric_ids(self) -> list[str]:
        """Ids of the metrics, in order."""
        return [ref.component_id for ref in self.component_refs.metrics]

    @property
    def candidate_count(self) -> int:
        """Candidates of each case."""
        return candidate_count(self.identity.candidate_policy)

    def reuse_keys(self) -> dict[str, str]:
        """For each stage's item, a key that is equal in two runs whose stage does the same to a case.

        A generation's key leaves out which other candidates and cases there are. Seeds count when they were given;
        derived ones, which follow `run_id`, stand for "any". Unlike `run_id`, a key changes with the source of the
        components.
        """
        refs = self.component_refs
        identity = self.identity
        policy = {key: value for key, value in identity.candidate_policy.items() if key not in COUNT_KEYS}
        generation = content_hash([_with_source(refs.generator), policy, _dump(identity.generation_prompt_spec)])
        keys = {
            reuse_name(Stage.GENERATE, item): content_hash(
                [generation, item, identity.seeds[item] if identity.seeds else None]
            )
            for item in range(self.candidate_count)
        }
        candidates = [keys[reuse_name(Stage.GENERATE, item)] for item in range(self.candidate_count)]
        reduction = content_hash([candidates, _with_source(refs.selector), _with_source(refs.reducer)])
        keys[reuse_name(Stage.SELECT, 0)] = content_hash([candidates, _with_source(refs.selector)])
        keys[reuse_name(Stage.REDUCE, 0)] = reduction
        parsing = content_hash([reduction, [_with_source(ref) for ref in refs.parsers]])
        keys[reuse_name(Stage.PARSE, 0)] = parsing
        labels = [dataset.metadata for dataset in self.datasets]
        rules = [] if identity.on_no_answer == "incorrect" else [identity.on_no_answer]
        for item, metric in enumerate(refs.metrics):
            keys[reuse_name(Stage.SCORE, item)] = content_hash([parsing, _with_source(metric), labels, *rules])
        return keys


def reuse_name(stage: Stage, item: int) -> str:
    """Name of a stage's item among the reuse keys."""
    return f"{stage.value}.{item}"


def candidate_count(policy: dict[str, JSONValue]) -> int:
    """The largest of the counts that a candidate policy names; 1 when it names none.

    Raises:
        ValueError: a count is not a whole number of at least 1, or is larger than any can be.
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


def derived_seed(run_id: str, candidate: int) -> int:
    """The seed of a candidate when none was given: 31 bits that follow from the run and the index."""
    return int(content_hash([run_id, candidate])[:8], 16) & 0x7FFF_FFFF


def case_key(dataset_id: str, case_id: str) -> str:
    """One text for a case among several datasets: `<length of dataset_id>:<dataset_id>:<case_id>`."""
    return f"{len(dataset_id)}:{dataset_id}:{case_id}"


def _with_source(ref: ComponentRef | None) -> list[str | None] | None:
    return None if ref is None else [ref.component_id, ref.version, ref.fingerprint, ref.source_hash]


def _dump(spec: PromptSpec | None) -> dict[str, Any] | None:
    return None if spec is None else spec.model_dump(mode="json")


__all__ = [
    "ComponentRef",
    "ComponentRefs",
    "RunIdentity",
    "RunProvenance",
    "RunSnapshot",
    "SnapshotDataset",
    "candidate_count",
    "case_key",
    "derived_seed",
    "reuse_name",
]
