"""Import: the records of a bundle become results of its run in another store, all or none."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, TypeVar

from themis.core.bundles.checks import case_numbers, check_run, listed_ids, read_bundle
from themis.core.bundles.models import (
    Bundle,
    EvaluationBundle,
    EvaluationRecord,
    GenerationBundle,
    GenerationRecord,
    LaterRecord,
    ParseBundle,
    ParseRecord,
    Record,
    ReductionBundle,
    ReductionRecord,
    ScoreBundle,
    ScoreRecord,
)
from themis.core.bundles.progress import digest_of_candidates, end_of, note_progress
from themis.core.engine.compiling.run_name import add_run
from themis.core.errors import BundleError
from themis.core.identity.reuse_keys import lending_keys
from themis.core.outcomes import codec
from themis.core.outcomes.answer_ends import AnswerEnd
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot, case_key
from themis.core.statistics.score_tally import NO_ANSWER
from themis.core.stores import RunStore
from themis.core.text.run_names import Title

_PAGE = 500
"""Cases that are written together."""

_CATEGORIES = {None, NO_ANSWER, *(end.value for end in AnswerEnd)}

AnyRecord = TypeVar("AnyRecord", bound=Record)
Encode = Callable[[RunSnapshot, int, AnyRecord], Iterable[Outcome]]


def import_generation_bundle(store: RunStore, bundle: Any) -> str:
    """Add the candidates of a bundle to its run, which is created if it is not in the store; returns the run's id.

    What the store has already stays as it is, so that importing twice is the same as once.

    Args:
        store: the store.
        bundle: the bundle, its JSON value, or its JSON text.

    Raises:
        BundleError: it is not a bundle of that kind, its parts do not fit together, or a record is about an unknown
            case; nothing is imported.
        RunBusyError: a process holds the run lock.
    """
    read = read_bundle(GenerationBundle, bundle)
    return _imported(store, read, read.records, _generated)


def import_reduction_bundle(store: RunStore, bundle: Any) -> str:
    """Add the reduced candidates of a bundle to its run; see `import_generation_bundle`."""
    read = read_bundle(ReductionBundle, bundle)
    return _imported(store, read, read.records, _reduced)


def import_parse_bundle(store: RunStore, bundle: Any) -> str:
    """Add the parsed answers of a bundle to its run; see `import_generation_bundle`."""
    read = read_bundle(ParseBundle, bundle)
    return _imported(store, read, read.records, _parsed)


def import_score_bundle(store: RunStore, bundle: Any) -> str:
    """Add the scores of a bundle to its run; see `import_generation_bundle`."""
    read = read_bundle(ScoreBundle, bundle)
    return _imported(store, read, read.records, _scored)


def import_evaluation_bundle(store: RunStore, bundle: Any) -> str:
    """Add the judgments of a bundle to its run; see `import_generation_bundle`."""
    read = read_bundle(EvaluationBundle, bundle)
    return _imported(store, read, read.records, _judged)


def _imported(store: RunStore, bundle: Bundle, records: Sequence[AnyRecord], encode: Encode[AnyRecord]) -> str:
    check_run(bundle)
    outcomes, ends, origins = _outcomes(bundle, records, encode)
    snapshot = bundle.snapshot
    run_id = snapshot.run_id
    with store.hold_run(run_id), store.transaction():
        if not add_run(store, snapshot, Title()):
            store.lend_only(run_id, lending_keys(snapshot))
        numbers = sorted(ends)
        for start in range(0, len(numbers), _PAGE):
            page = numbers[start : start + _PAGE]
            store.append(run_id, codec.without_secrets([o for no in page for o in outcomes[no]]), [])
            stored = store.outcomes_between(run_id, page[0], page[-1] + 1)
            found = {no: list(of_case) for no, of_case in groupby(stored, key=lambda outcome: outcome.case_no)}
            for no in page:
                _refuse_others(ends[no].case_id, origins.get(no), found.get(no, []))
            new = [end for no in page if (end := end_of(snapshot, ends[no], found.get(no, []))) is not None]
            store.append(run_id, [], new)
        note_progress(store, snapshot)
    return run_id


def _outcomes(
    bundle: Bundle, records: Sequence[AnyRecord], encode: Encode[AnyRecord]
) -> tuple[dict[int, list[Outcome]], dict[int, CaseEnd], dict[int, str]]:
    """Return by the number of a case the outcomes that the records hold, a first end, and what they were made of."""
    snapshot, known = bundle.snapshot, case_numbers(bundle)
    dataset_nos = {dataset.dataset_id: no for no, dataset in enumerate(snapshot.datasets)}
    ids = listed_ids(snapshot)
    outcomes: dict[int, list[Outcome]] = {}
    ends: dict[int, CaseEnd] = {}
    origins: dict[int, str] = {}
    seen: set[tuple[int, Stage, int]] = set()
    for number, record in enumerate(records):
        case_no = known.get((record.dataset_id, record.digest))
        if case_no is None or ids.get(case_no, record.case_id) != record.case_id:
            raise _bad(number, f"case {record.case_id!r} of dataset {record.dataset_id!r} is not one of the run's")
        if record.case_key != case_key(record.dataset_id, record.case_id):
            raise _bad(number, f"case_key {record.case_key!r} is not that of case {record.case_id!r}")
        dataset_no = dataset_nos[record.dataset_id]
        digest = bytes.fromhex(record.digest)
        end = CaseEnd(case_no, dataset_no, record.case_id, digest, failed=False, through=Stage.GENERATE)
        if ends.setdefault(case_no, end).case_id != record.case_id:
            raise _bad(number, f"case {record.case_id!r} has another id in an earlier record")
        if isinstance(record, LaterRecord) and origins.setdefault(case_no, record.made_of) != record.made_of:
            raise _bad(number, f"made_of: the results of case {record.case_id!r} were made of different candidates")
        try:
            made = [outcome._replace(finished_ms=record.finished_ms) for outcome in encode(snapshot, case_no, record)]
        except ValueError as error:
            raise _bad(number, str(error)) from None
        for outcome in made:
            if outcome[:3] in seen:
                raise _bad(number, f"case {record.case_id!r} has two results for the same thing")
            seen.add((outcome.case_no, outcome.stage, outcome.item))
        outcomes.setdefault(case_no, []).extend(made)
    return outcomes, ends, origins


def _refuse_others(case_id: str, origin: str | None, stored: Sequence[Outcome]) -> None:
    """Refuse results that were made of other candidates than those in the store, or of none."""
    if origin is None or origin == digest_of_candidates(stored):
        return
    detail = f"case {case_id!r}: its results were made of other candidates than the store has of it"
    if not any(outcome.stage is Stage.GENERATE for outcome in stored):
        detail = f"case {case_id!r}: the store has no candidates of it yet; import the bundle of its generations first"
    raise BundleError(detail=detail)


def _bad(number: int, detail: str) -> BundleError:
    return BundleError(detail=f"records.{number}: {detail}")


def _retries(record: Record) -> str | None:
    return codec.json_text(record.attempts) if record.attempts else None


def _generated(snapshot: RunSnapshot, case_no: int, record: GenerationRecord) -> Iterable[Outcome]:
    _refuse_item("candidate_index", record.candidate_index, snapshot.candidate_count)
    yield codec.generated(case_no, record.candidate_index, record.result, _retries(record))


def _reduced(snapshot: RunSnapshot, case_no: int, record: ReductionRecord) -> Iterable[Outcome]:
    refs = snapshot.component_refs
    if refs.selector is not None:
        kept = record.kept
        if not kept or any(not 0 <= index < snapshot.candidate_count for index in kept):
            msg = f"kept: {kept!r} are not candidates of the case"
            raise ValueError(msg)
        yield codec.selected(case_no, 0, kept, None)
    if refs.reducer is not None:  # else it follows from the candidates
        yield codec.reduced(case_no, 0, record.result, _retries(record))


def _parsed(snapshot: RunSnapshot, case_no: int, record: ParseRecord) -> Iterable[Outcome]:
    if record.item in snapshot.evaluation_items[Stage.PARSE]:
        yield codec.parsed(case_no, record.item, record.result, _retries(record))
    elif record.item != 0 or snapshot.component_refs.parsers:  # else it follows from the candidate
        msg = f"item: {record.item} is not a parse of the run"
        raise ValueError(msg)


def _scored(snapshot: RunSnapshot, case_no: int, record: ScoreRecord) -> Iterable[Outcome]:
    _refuse_metric(snapshot, record, asks_judges=False)
    if record.category not in _CATEGORIES or (record.value is None and record.category is None):
        msg = f"category: {record.category!r} is not why a metric has {record.value!r}"
        raise ValueError(msg)
    made = codec.no_answer(case_no, record.item, record.value, record.details)
    yield made._replace(category=record.category, retries=_retries(record))


def _judged(snapshot: RunSnapshot, case_no: int, record: EvaluationRecord) -> Iterable[Outcome]:
    _refuse_metric(snapshot, record, asks_judges=True)
    execution = record.execution
    if (execution is None) != (record.category in _CATEGORIES - {None}):
        msg = f"execution: there is {'none' if execution is None else 'one'} beside category {record.category!r}"
        raise ValueError(msg)
    if execution is None:
        made = codec.no_answer(case_no, record.item, record.value, record.details, Stage.JUDGE)
        yield made._replace(category=record.category, retries=_retries(record))
        return
    made = codec.judged(case_no, record.item, execution, _retries(record))
    if (made.value, made.category) != (record.value, record.category):
        msg = f"value: the judgments come to {made.value!r} ({made.category}), not to {record.value!r}"
        raise ValueError(msg)
    yield made


def _refuse_metric(snapshot: RunSnapshot, record: ScoreRecord, *, asks_judges: bool) -> None:
    """Refuse a metric that is not the run's, or whose scores are in another bundle."""
    items = snapshot.evaluation_items
    if record.item not in items[Stage.SCORE] and record.item not in items[Stage.JUDGE]:
        msg = f"item: {record.item} is not a metric of the run"
        raise ValueError(msg)
    metric_id = snapshot.metric_columns[item_of(record.item).column]
    if metric_id != record.metric_id:
        msg = f"metric_id: {record.metric_id!r} is not metric {record.item} of the run, {metric_id!r}"
        raise ValueError(msg)
    if record.item not in items[Stage.JUDGE if asks_judges else Stage.SCORE]:
        msg = f"metric_id: {record.metric_id!r} {'asks no judge' if asks_judges else 'asks judges'}: see its own bundle"
        raise ValueError(msg)


def _refuse_item(name: str, item: int, count: int) -> None:
    if item >= count:
        msg = f"{name}: {item} is not below {count}, which is all that the run has"
        raise ValueError(msg)
