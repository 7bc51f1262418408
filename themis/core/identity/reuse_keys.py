"""Reuse keys: what decides whether an outcome of one run may be used in another."""

from collections.abc import Callable, Iterator
from typing import Any

from themis.core.base import JSONValue
from themis.core.components.references import ComponentRef
from themis.core.components.run_refs import ComponentRefs
from themis.core.outcomes.items import Item
from themis.core.outcomes.stages import Stage
from themis.core.prompts import FIRST_BLOCK_RENDERING, PromptSpec
from themis.core.snapshot import COUNT_KEYS, PURE, RunIdentity, RunSnapshot
from themis.core.text.canonical import content_hash

_VERSION = 2
"""Version of the reuse keys: keys of different versions are never equal."""

_PLAIN = "plain."

Facts = Callable[[ComponentRef | None], JSONValue]
"""Returns what decides what a component does."""


def reuse_keys(snapshot: RunSnapshot) -> dict[str, str]:
    """Return a key for each stage's item and dataset; it is equal in two runs that do the same to a case there.

    A generation's key leaves out which other candidates, cases and datasets there are. Unlike `run_id`, a key changes
    with the source of the components.
    """
    return _keys(snapshot, _with_source)


def plain_keys(snapshot: RunSnapshot) -> dict[str, str]:
    """Return keys like those of `reuse_keys` that do not change with the source of the components."""
    return {f"{_PLAIN}{name}": key for name, key in _keys(snapshot, _without_source).items()}


def lending_keys(snapshot: RunSnapshot) -> dict[str, str]:
    """Return all keys by which other runs find a run."""
    return reuse_keys(snapshot) | plain_keys(snapshot)


def is_plain(name: str) -> bool:
    """Whether a name is that of a plain key."""
    return name.startswith(_PLAIN)


def reuse_name(stage: Stage, item: int, dataset_no: int) -> str:
    """Return the name, among the reuse keys, of a stage's work on the cases of a dataset."""
    return f"{stage.value}.{item}.{dataset_no}"


def reuse_place(name: str) -> tuple[Stage, int, int]:
    """Return the stage, item and dataset number that the name of a key stands for."""
    stage, item, dataset_no = map(int, name.removeprefix(_PLAIN).split("."))
    return Stage(stage), item, dataset_no


def _keys(snapshot: RunSnapshot, facts: Facts) -> dict[str, str]:
    keys: dict[str, str] = {}
    for dataset_no in range(len(snapshot.datasets)):
        keys |= _keys_of_dataset(snapshot, dataset_no, facts)
    return keys


def _keys_of_dataset(snapshot: RunSnapshot, dataset_no: int, facts: Facts) -> dict[str, str]:
    identity, refs, dataset = snapshot.identity, snapshot.component_refs, snapshot.datasets[dataset_no]
    generation = generation_facts(identity, facts(refs.generator))
    # A revision is part of derived seeds. With given seeds a candidate is the same whatever the revision is called.
    revision = None if identity.seeds or dataset.derived_seeds is None else dataset.revision
    keys = {
        reuse_name(Stage.GENERATE, item, dataset_no): content_hash(
            [_VERSION, generation, dataset.dataset_id, revision, item, seed]
        )
        for item, seed in enumerate(snapshot.seeds(dataset_no))
    }
    candidates = list(keys.values())
    reduction = content_hash([candidates, facts(refs.selector), facts(refs.reducer), *_asked(snapshot, facts)])
    keys[reuse_name(Stage.SELECT, 0, dataset_no)] = content_hash(
        [candidates, facts(refs.selector), *_asked(snapshot, facts)]
    )
    keys[reuse_name(Stage.REDUCE, 0, dataset_no)] = reduction
    answers: dict[int | None, str] = {None: reduction}
    if snapshot.scores_each:
        answers |= dict(enumerate(candidates))
    rules: list[JSONValue] = [dict(dataset.metadata), identity.on_no_answer, *sorted(identity.on_stop)]
    for candidate, answer in answers.items():
        for place, key in _evaluation_keys(refs, answer, rules, facts):
            keys[reuse_name(place[0], place[1]._replace(candidate=candidate).number, dataset_no)] = key
    for no, metric in enumerate(refs.metrics):
        if snapshot.metric_kinds[metric.component_id] != PURE:
            scoring = keys.pop(reuse_name(Stage.SCORE, Item(no).number, dataset_no))
            judging = [scoring, metric.component_id, dataset.dataset_id, judging_facts(snapshot, facts)]
            keys[reuse_name(Stage.JUDGE, Item(no).number, dataset_no)] = content_hash(judging)
    return keys


def _evaluation_keys(
    refs: ComponentRefs, answer: str, rules: list[JSONValue], facts: Facts
) -> Iterator[tuple[tuple[Stage, Item], str]]:
    """Yield the keys of parses and scores of an answer, which has the key `answer`, in every view."""
    views = [(0, refs.parsers, refs.metrics)]
    views += [(number, view.parsers, view.metrics) for number, (_, view) in refs.numbered_views().items()]
    for number, parsers, metrics in views:
        parsing = content_hash([answer, [facts(ref) for ref in parsers]])
        yield (Stage.PARSE, Item(view=number)), parsing
        for no, metric in enumerate(metrics):
            yield (Stage.SCORE, Item(no, number)), content_hash([parsing, facts(metric), *rules])


def _asked(snapshot: RunSnapshot, facts: Facts) -> list[JSONValue]:
    """Return the facts about the judges of a selector; none without judges, so that earlier keys stay the same."""
    refs = snapshot.component_refs
    return [judging_facts(snapshot, facts)] if refs.selector is not None and refs.judge_models else []


def judging_facts(snapshot: RunSnapshot, facts: Facts) -> str:
    """Return a hash of what decides the judgments of a metric, beside what is judged and the metric itself."""
    identity = snapshot.identity
    judges: list[JSONValue] = [facts(ref) for ref in snapshot.component_refs.judge_models]
    prompt = _dump(identity.evaluation_prompt_spec)
    return content_hash([judges, prompt, identity.judge_config, identity.workflow_overrides, identity.seeds])


def generation_facts(identity: RunIdentity, generator: JSONValue) -> str:
    """Return a hash of what decides a generation, beside its dataset and candidate; `generator` stands for itself."""
    policy = {key: value for key, value in identity.candidate_policy.items() if key not in COUNT_KEYS}
    rendering = identity.block_rendering
    # At its default it is left out, so that earlier keys and seeds stay the same.
    later: list[JSONValue] = [] if rendering == FIRST_BLOCK_RENDERING else [rendering]
    if identity.prompt is not None:
        later.append(identity.prompt.model_dump(mode="json"))
    if identity.task != "generate":
        later.append([identity.task, identity.continuation])
    return content_hash([generator, policy, _dump(identity.generation_prompt_spec), *later])


def _with_source(ref: ComponentRef | None) -> JSONValue:
    return None if ref is None else [ref.identity(), ref.source_hash]


def _without_source(ref: ComponentRef | None) -> JSONValue:
    return None if ref is None else [ref.identity()]


def _dump(spec: PromptSpec | None) -> dict[str, Any] | None:
    return None if spec is None else spec.model_dump(mode="json")
