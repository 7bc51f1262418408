"""Export: the stored results of a stage as a bundle, without failures: continuing the run tries them again."""

import json
from collections.abc import Iterator
from typing import Any

from themis.core.bundles.models import (
    EvaluationBundle,
    EvaluationRecord,
    GenerationBundle,
    GenerationRecord,
    ParseBundle,
    ParseRecord,
    ReductionBundle,
    ReductionRecord,
    ScoreBundle,
    ScoreRecord,
)
from themis.core.bundles.progress import digest_of_candidates
from themis.core.datasets.fingerprint import case_digest
from themis.core.errors import BundleError
from themis.core.outcomes import codec
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot, SnapshotDataset
from themis.core.stores import RunStore
from themis.core.stores.projections import stored_snapshot
from themis.core.stores.stored_cases import StoredCase, iter_cases


def export_generation_bundle(store: RunStore, run_id: str) -> GenerationBundle:
    """Return the candidates of the ended cases of a run.

    Raises:
        UnknownRunError: the run is not in this store.
        BundleError: a case that is not listed in the run has not ended, so that the bundle could not name it.
    """
    snapshot = stored_snapshot(store, run_id)
    records = [
        GenerationRecord(**_case(case), **_made(outcome), candidate_index=item, result=codec.to_generation(outcome))
        for case in iter_cases(store, snapshot)
        for item, outcome in _results(case, Stage.GENERATE)
    ]
    return GenerationBundle(**_run(store, snapshot), records=records)


def export_reduction_bundle(store: RunStore, run_id: str) -> ReductionBundle:
    """Return what the candidates of the ended cases of a run were reduced to; raises as `export_generation_bundle`."""
    snapshot = stored_snapshot(store, run_id)
    records = []
    for case in iter_cases(store, snapshot):
        reduced = case.reduced()
        if reduced is None:
            continue
        kept = next((codec.to_selection(outcome) for _, outcome in _results(case, Stage.SELECT)), None)
        made_by = case.succeeded(Stage.REDUCE) or case.succeeded(Stage.SELECT) or case.succeeded(Stage.GENERATE)
        records.append(ReductionRecord(**_later(case), **_made(made_by[-1]), kept=kept, result=reduced))
    return ReductionBundle(**_run(store, snapshot), records=records)


def export_parse_bundle(store: RunStore, run_id: str) -> ParseBundle:
    """Return the parsed answers of the ended cases of a run; raises as `export_generation_bundle`."""
    snapshot = stored_snapshot(store, run_id)
    records: list[ParseRecord] = []
    for case in iter_cases(store, snapshot):
        parses = _results(case, Stage.PARSE)
        records += [
            ParseRecord(**_later(case), **_made(outcome), item=item, result=codec.to_parsed(outcome))
            for item, outcome in parses
        ]
        if not parses and (parsed := case.parsed(case.reduced())) is not None:
            records.append(ParseRecord(**_later(case), **_made(case.outcomes[0]), result=parsed))
    return ParseBundle(**_run(store, snapshot), records=records)


def export_score_bundle(store: RunStore, run_id: str) -> ScoreBundle:
    """Return the scores of the ended cases of a run; raises as `export_generation_bundle`."""
    snapshot = stored_snapshot(store, run_id)
    records = [
        ScoreRecord(**_later(case), **_made(outcome), **_score(snapshot, outcome))
        for case in iter_cases(store, snapshot)
        for _, outcome in _results(case, Stage.SCORE)
    ]
    return ScoreBundle(**_run(store, snapshot), records=records)


def export_evaluation_bundle(store: RunStore, run_id: str) -> EvaluationBundle:
    """Return the judgments of the ended cases of a run; raises as `export_generation_bundle`."""
    snapshot = stored_snapshot(store, run_id)
    records = [
        EvaluationRecord(
            **_later(case), **_made(outcome), **_score(snapshot, outcome), execution=codec.to_execution(outcome)
        )
        for case in iter_cases(store, snapshot)
        for _, outcome in _results(case, Stage.JUDGE)
    ]
    return EvaluationBundle(**_run(store, snapshot), records=records)


def _run(store: RunStore, snapshot: RunSnapshot) -> dict[str, Any]:
    return {"run_id": snapshot.run_id, "snapshot": snapshot, "case_digests": list(_digests(store, snapshot))}


def _digests(store: RunStore, snapshot: RunSnapshot) -> Iterator[str]:
    """Yield the digests of all cases of each dataset, in order."""
    first = 0
    for dataset in snapshot.datasets:
        stop = first + dataset.case_count
        if dataset.cases is not None:
            yield "".join(case_digest(case).hex() for case in dataset.cases)
        else:
            yield _stored_digests(store, snapshot.run_id, dataset, first)
        first = stop


def _stored_digests(store: RunStore, run_id: str, dataset: SnapshotDataset, first: int) -> str:
    """Return the digests of the cases of a dataset that is not listed, which the ends of its cases have."""
    ends = store.ends_between(run_id, first, first + dataset.case_count)
    if len(ends) < dataset.case_count:
        detail = (
            f"run {run_id[:16]}: {dataset.case_count - len(ends):,} cases of dataset {dataset.dataset_id!r} have not"
            " ended, and it is not listed in the run, so that a bundle could not name them; run it to its end first"
        )
        raise BundleError(detail=detail)
    return "".join(end.digest.hex() for end in ends)


def _results(case: StoredCase, stage: Stage) -> list[tuple[int, Outcome]]:
    return [(outcome.item, outcome) for outcome in case.succeeded(stage)]


def _case(case: StoredCase) -> dict[str, Any]:
    end = case.end
    return {
        "dataset_id": case.dataset_id,
        "case_id": end.case_id,
        "case_key": case.key,
        "digest": end.digest.hex(),
    }


def _later(case: StoredCase) -> dict[str, Any]:
    return {**_case(case), "made_of": digest_of_candidates(case.outcomes)}


def _score(snapshot: RunSnapshot, outcome: Outcome) -> dict[str, Any]:
    return {
        "item": outcome.item,
        "metric_id": snapshot.metric_columns[item_of(outcome.item).column],
        "value": outcome.value,
        "category": outcome.category,
        "details": json.loads(outcome.body),
    }


def _made(outcome: Outcome) -> dict[str, Any]:
    return {
        "finished_ms": outcome.finished_ms,
        "attempts": json.loads(outcome.retries) if outcome.retries else [],
    }
