"""Reuse keys: what decides whether an outcome of one run may be used in another."""

from typing import Any

from themis.core.base import JSONValue
from themis.core.components.references import ComponentRef
from themis.core.outcomes.stages import Stage
from themis.core.prompts import FIRST_BLOCK_RENDERING, PromptSpec
from themis.core.snapshot import COUNT_KEYS, RunIdentity, RunSnapshot
from themis.core.text.canonical import content_hash

_VERSION = 2
"""Version of the reuse keys: keys of different versions are never equal."""


def reuse_keys(snapshot: RunSnapshot) -> dict[str, str]:
    """Return a key for each stage's item and dataset; it is equal in two runs that do the same to a case there.

    A generation's key leaves out which other candidates, cases and datasets there are. Unlike `run_id`, a key changes
    with the source of the components.
    """
    keys: dict[str, str] = {}
    for dataset_no in range(len(snapshot.datasets)):
        keys |= _keys_of_dataset(snapshot, dataset_no)
    return keys


def reuse_name(stage: Stage, item: int, dataset_no: int) -> str:
    """Return the name, among the reuse keys, of a stage's work on the cases of a dataset."""
    return f"{stage.value}.{item}.{dataset_no}"


def reuse_place(name: str) -> tuple[Stage, int, int]:
    """Return the stage, item and dataset number that a name from `reuse_name` stands for."""
    stage, item, dataset_no = map(int, name.split("."))
    return Stage(stage), item, dataset_no


def _keys_of_dataset(snapshot: RunSnapshot, dataset_no: int) -> dict[str, str]:
    identity, refs, dataset = snapshot.identity, snapshot.component_refs, snapshot.datasets[dataset_no]
    generation = generation_facts(identity, _with_source(refs.generator))
    # A revision is part of derived seeds. With given seeds a candidate is the same whatever the revision is called.
    revision = None if identity.seeds or dataset.derived_seeds is None else dataset.revision
    keys = {
        reuse_name(Stage.GENERATE, item, dataset_no): content_hash(
            [_VERSION, generation, dataset.dataset_id, revision, item, seed]
        )
        for item, seed in enumerate(snapshot.seeds(dataset_no))
    }
    candidates = list(keys.values())
    reduction = content_hash([candidates, _with_source(refs.selector), _with_source(refs.reducer)])
    keys[reuse_name(Stage.SELECT, 0, dataset_no)] = content_hash([candidates, _with_source(refs.selector)])
    keys[reuse_name(Stage.REDUCE, 0, dataset_no)] = reduction
    parsing = content_hash([reduction, [_with_source(ref) for ref in refs.parsers]])
    keys[reuse_name(Stage.PARSE, 0, dataset_no)] = parsing
    rules = [identity.on_no_answer, *sorted(identity.on_stop)]
    for item, metric in enumerate(refs.metrics):
        scoring = content_hash([parsing, _with_source(metric), dataset.metadata, *rules])
        keys[reuse_name(Stage.SCORE, item, dataset_no)] = scoring
    return keys


def generation_facts(identity: RunIdentity, generator: JSONValue) -> str:
    """Return a hash of what decides a generation, beside its dataset and candidate; `generator` stands for itself."""
    policy = {key: value for key, value in identity.candidate_policy.items() if key not in COUNT_KEYS}
    rendering = identity.block_rendering
    # At its default it is left out, so that earlier keys and seeds stay the same.
    later: list[JSONValue] = [] if rendering == FIRST_BLOCK_RENDERING else [rendering]
    if identity.prompt is not None:
        later.append(identity.prompt.model_dump(mode="json"))
    return content_hash([generator, policy, _dump(identity.generation_prompt_spec), *later])


def _with_source(ref: ComponentRef | None) -> JSONValue:
    return None if ref is None else [ref.identity(), ref.source_hash]


def _dump(spec: PromptSpec | None) -> dict[str, Any] | None:
    return None if spec is None else spec.model_dump(mode="json")
