"""The difference of two runs: of their identities, of their code, and what the second would use of the first."""

from collections import Counter

from themis.core.base import FrozenModel
from themis.core.engine.code_changes import edits_between
from themis.core.identity.reuse_keys import reuse_keys, reuse_place
from themis.core.outcomes.items import item_of
from themis.core.outcomes.stages import Stage
from themis.core.run_differences.identity import differing_fields
from themis.core.run_differences.sides import Side
from themis.core.snapshot import RunSnapshot

_WORDS = {
    Stage.GENERATE: "generations",
    Stage.SELECT: "selections",
    Stage.REDUCE: "reductions",
    Stage.PARSE: "parses",
}


class FieldDifference(FrozenModel):
    """A part of the identity that differs: its key in a config file, and how it differs, in words."""

    key: str
    difference: str


class CodeDifference(FrozenModel):
    """A component whose source was edited under the same fingerprint, and the parts of it that were."""

    key: str
    component_id: str
    parts: str


class ReusedResults(FrozenModel):
    """Results of the first run that the second uses, if they are in one store.

    Attributes:
        results: the kind: `generations`, …, or `scores of` a metric.
        cases: the number of these that are used, one per case or more, if the first run has them.
        total: all of them in the second run.
    """

    results: str
    cases: int
    total: int


class RunDifference(FrozenModel):
    """Difference of two runs.

    Attributes:
        run_ids: the ids of both.
        same: whether they are one run.
        fields: the parts of their identities that differ.
        code: edits that are not part of the identity.
        reused: the results that the second would use of the first; nothing when they are one run.
    """

    run_ids: tuple[str, str]
    same: bool
    fields: list[FieldDifference]
    code: list[CodeDifference]
    reused: list[ReusedResults]


def difference_of(before: Side, now: Side) -> RunDifference:
    """Return the difference of two runs: what is in `now` is new, what is only in `before` is gone."""
    ids = before.snapshot.run_id, now.snapshot.run_id
    same = ids[0] == ids[1]
    return RunDifference(
        run_ids=ids,
        same=same,
        fields=[FieldDifference(key=key, difference=text) for key, text in differing_fields(before, now)],
        code=[
            CodeDifference(key=edit.where, component_id=edit.component_id, parts=edit.parts)
            for edit in edits_between(before.snapshot, now.snapshot)
        ],
        reused=[] if same else _reused(before, now),
    )


def _reused(before: Side, now: Side) -> list[ReusedResults]:
    """Count the cases of each kind of results that the second run finds in the first."""
    lent: dict[str, list[str]] = {}
    for name, key in reuse_keys(before.snapshot).items():
        lent.setdefault(key, []).append(name)
    used: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for name, key in reuse_keys(now.snapshot).items():
        stage, item, dataset_no = reuse_place(name)
        if not _is_made(now.snapshot, stage, item):
            continue
        kind = _kind(now.snapshot, stage, item)
        total[kind] += now.snapshot.datasets[dataset_no].case_count
        lenders = [reuse_place(found)[2] for found in lent.get(key, ())]
        used[kind] += _same_cases(before, now, lenders[0], dataset_no) if lenders else 0
    return [ReusedResults(results=kind, cases=used[kind], total=of_all) for kind, of_all in total.items()]


def _is_made(snapshot: RunSnapshot, stage: Stage, item: int) -> bool:
    """Whether a run has a component for an outcome; without one the results of the stage before pass through."""
    refs = snapshot.component_refs
    if stage is Stage.PARSE:
        return bool(refs.parsers_of(item_of(item).view))
    return {Stage.SELECT: refs.selector, Stage.REDUCE: refs.reducer}.get(stage, refs.generator) is not None


def _kind(snapshot: RunSnapshot, stage: Stage, item: int) -> str:
    if stage < Stage.SCORE:
        return _WORDS[stage]
    return f"{'scores' if stage is Stage.SCORE else 'judgments'} of {snapshot.metric_columns[item_of(item).column]}"


def _same_cases(before: Side, now: Side, theirs: int, ours: int) -> int:
    """Count the cases of a dataset that are the same in both runs."""
    known, asked = before.digests[theirs], now.digests[ours]
    if before.snapshot.datasets[theirs].content == now.snapshot.datasets[ours].content:
        return now.snapshot.datasets[ours].case_count
    if known is None or asked is None:
        return 0
    of_before = set(known.values())
    return sum(digest in of_before for digest in asked.values())
