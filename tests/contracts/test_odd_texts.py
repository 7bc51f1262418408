"""Texts that not every database keeps, NUL and half of a character: each store refuses or replaces the same ones."""

from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, ScriptedWorkflow, judged_experiment, workflow_with
from tests.support.judging_lab import ScriptedJudged as Judged
from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset, experiment
from tests.support.stores import added_run
from themis.core.errors import ComponentError
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset, GenerationResult
from themis.core.results import RunStatus
from themis.core.score_edits.editing import Correction, edit_scores
from themis.core.score_edits.places import Named
from themis.core.stores.batch_rows import BatchRow, BatchState
from themis.core.stores.protocol import RunStore
from themis.core.workflows import JudgeCall

ODD = "a\0b\ud800c"
KEPT = "a\\x00b\\ud800c"
EACH = pytest.mark.parametrize("odd", ["a\0b", "a\ud800b"], ids=["a NUL", "half of a character"])


@EACH
def test_an_id_of_a_dataset_or_a_case_is_refused_when_it_is_read(store: RunStore, odd: str) -> None:
    cases = [Case(case_id="one", input="x")]
    with pytest.raises(ValueError, match=r"dataset 'a.*b': its id holds a NUL character|unicode string"):
        experiment(datasets=[Dataset(dataset_id=odd, cases=cases)]).run(store=store)
    with pytest.raises(ValueError, match=r"dataset 'd', case 1: case 'a.*b': |unicode string"):
        experiment(datasets=[Dataset(dataset_id="d", cases=[Case(case_id=odd, input="x")])]).run(store=store)
    assert store.list_runs() == []


@EACH
@pytest.mark.parametrize("what", ["component_id", "version", "fingerprint"])
def test_the_identity_of_a_component_is_refused_when_it_is_loaded(store: RunStore, odd: str, what: str) -> None:
    made = ScriptedGenerator()
    setattr(made, "_fingerprint" if what == "fingerprint" else what, odd)
    with pytest.raises(ComponentError, match=rf"{what}(\(\))? is 'a.*b': it holds a NUL character or half"):
        experiment(made).run(store=store)
    assert store.list_runs() == []


@EACH
def test_a_name_or_a_label_of_a_run_is_refused(store: RunStore, odd: str) -> None:
    made = experiment()
    fields = {name: getattr(made, name) for name in ("generation", "evaluation", "storage", "datasets")}
    for given in ({"name": odd}, {"labels": {"team": odd}}):
        with pytest.raises(ValueError, match=r"printable characters|unicode string"):
            Experiment(**fields, **given)
    run_id = added_run(store, "d")
    store.name_run(run_id, odd, {})  # by one who uses the store alone
    (run,) = store.list_runs()
    assert run.name in {"a\\x00b", "a\\ud800b"}


def test_a_question_for_a_text_that_no_store_keeps_finds_nothing(store: RunStore) -> None:
    added_run(store, "d")
    for odd in ("a\0b", "\0"):
        assert store.load_run(odd) is None
        assert store.load_snapshot(odd) is None
        assert store.runs_named(odd, 5) == []
        assert store.list_runs(odd) == []
        assert store.jobs.load(odd) is None
        assert store.cached_response(odd) is None


def test_what_components_answer_is_kept_as_it_is(store: RunStore) -> None:
    """Answers, failures, metadata, reasons of providers: all of them are in JSON, which escapes."""

    def answered(case: Case, _: object) -> Any:
        if case.case_id == "q1":
            return ValueError(ODD)
        return GenerationResult(candidate_id=ODD, final_output=ODD, artifacts={ODD: ODD}, served_model=ODD)

    generator = ScriptedGenerator(answered)
    generator.provider_key = ODD  # type: ignore[attr-defined]
    parsed = ScriptedParser(lambda output: output, component_id="lab/parser")
    result = experiment(generator, parser=parsed, metrics=[ScriptedMetric()]).run(store=store)
    first, second, _ = result.cases
    candidate = first.generated_candidates[0]
    assert (candidate.final_output, candidate.artifacts, candidate.served_model) == (ODD, {ODD: ODD}, ODD)
    (failure, *_) = second.failures
    assert failure.message == "a\0b\\ud800c"
    assert list(store.spends(result.run_id)) != []


def test_the_error_of_a_run_is_kept_with_escapes(store: RunStore) -> None:
    run_id = added_run(store, "d")
    store.start_run(run_id)
    store.end_run(run_id, RunStatus.FAILED, through=None, error=ODD)
    record = store.load_run(run_id)
    assert record is not None
    assert record.error == KEPT


def test_the_calls_of_a_workflow_may_have_any_id_and_are_found_again(store: RunStore) -> None:
    def calls(self: ScriptedWorkflow) -> list[JudgeCall]:
        return [JudgeCall(call_id=ODD, judge_model_id="lab/judge")]

    judge = ScriptedJudge()
    build = workflow_with()

    def built(subject: Any, ctx: Any) -> Any:
        made = build(subject, ctx)
        made.judge_calls = lambda: calls(made)
        return made

    made = judged_experiment([judge], [Judged(built)])
    result = made.run(store=store)
    assert [row.call_id for row in store.judge_calls_between(result.run_id, 0, 9)] == [KEPT] * 3
    assert result.metric_means == {"lab/judged": 1.0}


def test_what_a_provider_says_of_a_batch_is_kept_with_escapes(store: RunStore) -> None:
    run_id = added_run(store, "d")
    row = BatchRow(0, "nonce", BatchState.SUBMITTED, 0, 1, 2, 3, 4, file_id=ODD, batch_id=ODD, status=ODD)
    store.save_batch(run_id, row)
    assert store.batches(run_id) == [row._replace(file_id=KEPT, batch_id=KEPT, status=KEPT)]


def test_who_edits_a_score_and_why_are_kept_with_escapes(store: RunStore) -> None:
    result = experiment(ScriptedGenerator(), datasets=[dataset(1)]).run(store=store)
    snapshot = store.load_snapshot(result.run_id)
    assert snapshot is not None
    edit_scores(store, snapshot, [Correction(Named("here", "q0"), 0.0, ODD, ODD)])
    (kept,) = store.score_edits(result.run_id)
    assert (kept.edited_by, kept.why) == (KEPT, KEPT)
