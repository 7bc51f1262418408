"""`score_candidates: each`: every candidate is parsed and scored, and hangs on its own generation alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset, experiment, score_rows
from themis.core.contexts import GenerateContext
from themis.core.experiment import Experiment
from themis.core.models import Case, Score
from themis.core.outcomes.stages import Stage
from themis.core.results import CaseResult, RunStatus, SampleResult
from themis.core.stores import InMemoryRunStore, SqliteRunStore

SEEDS = [10, 11, 12]


def _right_but_for(wrong: int) -> Any:
    """A generator whose candidate with the seed `wrong` is wrong."""
    return ScriptedGenerator(lambda case, ctx: "wrong" if ctx.seed == wrong else case.input)


def _failing_at(failing: int) -> ScriptedGenerator:
    def answer(case: Case, ctx: GenerateContext) -> Any:
        return ValueError("no answer today") if ctx.seed == failing else case.input

    return ScriptedGenerator(answer)


def _each(generator: Any, **more: Any) -> Experiment:
    return experiment(
        generator,
        **{"samples": 3, "seeds": SEEDS, "score_candidates": "each", "datasets": [dataset(2)], **more},
    )


def _values(sample: SampleResult) -> list[float]:
    return [score.value for score in sample.scores if isinstance(score, Score)]


def test_every_candidate_is_scored_beside_the_one_that_is_left() -> None:
    store = InMemoryRunStore()
    result = _each(_right_but_for(11), reducer="builtin/majority_vote").run(store=store)
    assert result.status is RunStatus.COMPLETED
    (first, _) = result.cases
    assert [score.value for score in first.scores if isinstance(score, Score)] == [1.0]
    assert [_values(sample) for sample in first.samples] == [[1.0], [0.0], [1.0]]
    assert [sample.candidate_index for sample in first.samples] == [0, 1, 2]
    rows = [row for row in score_rows(store, result) if row["case_id"] == "q0"]
    assert [(row["candidate_id"], row.get("candidate_index"), row["value"]) for row in rows] == [
        ("q0-reduced", None, 1.0),
        ("q0-10", 0, 1.0),
        ("q0-11", 1, 0.0),
        ("q0-12", 2, 1.0),
    ]
    benchmark = store.get_projection(result.run_id, "benchmark_result")
    assert benchmark["metrics"]["builtin/exact_match"]["scored"] == 2
    assert benchmark["outcome_counts"] == {"correct": 2}


def test_with_reduced_no_candidate_is_scored_alone() -> None:
    result = _each(_right_but_for(11), score_candidates="reduced").run(store=InMemoryRunStore())
    assert [case.samples for case in result.cases] == [[], []]


def test_a_candidate_that_fails_leaves_the_others_scored() -> None:
    store = InMemoryRunStore()
    result = _each(_failing_at(11), reducer="builtin/majority_vote").run(store=store)
    assert result.status is RunStatus.PARTIAL_FAILURE
    case = result.cases[0]
    assert (case.reduced_candidate, case.scores, list(case.generation_failures)) == (None, [], ["1"])
    assert [(sample.candidate_index, _values(sample)) for sample in case.samples] == [(0, [1.0]), (2, [1.0])]
    categories = [row["error_category"] for row in score_rows(store, result) if row["case_id"] == "q0"]
    assert categories == ["generation_failure", None, "generation_failure", None]


def test_without_a_reducer_a_candidate_that_fails_leaves_no_candidate_for_the_mean() -> None:
    result = _each(_failing_at(12)).run(store=InMemoryRunStore())
    assert result.cases[0].reduced_candidate is None
    assert result.metrics["builtin/exact_match"].scored == 0


def test_a_run_whose_candidates_all_fail_has_failed() -> None:
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no"))
    assert _each(generator).run(store=InMemoryRunStore()).status is RunStatus.FAILED


def test_a_candidate_that_cannot_be_parsed_leaves_the_others_scored() -> None:
    parser = ScriptedParser(
        lambda output: ValueError("unreadable") if output == "wrong" else output, component_id="lab/parser"
    )
    result = _each(_right_but_for(10), parser=parser, reducer="builtin/majority_vote").run(store=InMemoryRunStore())
    assert result.status is RunStatus.PARTIAL_FAILURE
    case = result.cases[0]
    assert [(bool(sample.parse_error), _values(sample)) for sample in case.samples] == [
        (True, []),
        (False, [1.0]),
        (False, [1.0]),
    ]
    assert len(case.scores) == 1


def test_a_later_run_makes_up_for_the_candidate_that_failed_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    first, metric = _failing_at(11), ScriptedMetric()
    assert _each(first, path=path, metrics=[metric]).run().status is RunStatus.PARTIAL_FAILURE
    again, scored = ScriptedGenerator(), len(metric.calls)
    result = _each(again, path=path, metrics=[metric]).run()
    assert result.status is RunStatus.COMPLETED
    assert sorted(again.calls) == [("q0", 11), ("q1", 11)]
    assert len(metric.calls) == scored + 2 * 2  # of each case, that candidate and the one that is left


def test_samples_added_later_are_the_only_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    generator, metric = ScriptedGenerator(), ScriptedMetric()
    parser = ScriptedParser(lambda output: output, component_id="lab/parser")

    def run(samples: int, seeds: list[int]) -> tuple[int, int, int]:
        before = len(generator.calls), len(parser.calls), len(metric.calls)
        made = _each(generator, samples=samples, seeds=seeds, parser=parser, metrics=[metric], path=path)
        assert len(made.run().cases[0].samples) == samples
        after = len(generator.calls), len(parser.calls), len(metric.calls)
        return after[0] - before[0], after[1] - before[1], after[2] - before[2]

    assert run(5, []) == (10, 12, 12)
    assert run(10, []) == (10, 12, 12)  # five new candidates and the reduced one, of two cases
    assert run(5, [1, 2, 3, 4, 5]) == (10, 12, 12)
    assert run(7, [1, 2, 3, 4, 5, 6, 7]) == (4, 6, 6)


def test_a_run_that_stops_after_generation_is_continued_with_what_it_has() -> None:
    store, generator = InMemoryRunStore(), ScriptedGenerator()
    stopped = _each(generator).run(store=store, until_stage="generate")
    assert stopped.completed_through_stage == "generate"
    assert stopped.cases[0].samples == []
    result = _each(generator).run(store=store)
    assert len(generator.calls) == 6
    assert [len(case.samples) for case in result.cases] == [3, 3]


def test_a_run_that_stops_after_parsing_has_parsed_each() -> None:
    parser = ScriptedParser(lambda output: output.upper(), component_id="lab/parser")
    result = _each(_right_but_for(11), parser=parser).run(store=InMemoryRunStore(), until_stage="parse")
    values = [sample.parsed_output and sample.parsed_output.value for sample in result.cases[0].samples]
    assert values == ["A0", "WRONG", "A0"]


def test_a_run_that_was_interrupted_repeats_no_call_that_was_committed(tmp_path: Path) -> None:
    path, metric = tmp_path / "runs.sqlite3", ScriptedMetric()
    made = _each(ScriptedGenerator(), metrics=[metric], path=path)
    made.run()
    store, run_id = SqliteRunStore(path), made.compile().run_id
    lost = {(0, Stage.SCORE, 2_000_000), (1, Stage.SCORE, 0), (1, Stage.GENERATE, 2), (1, Stage.SCORE, 3_000_000)}
    kept = [o for o in store.outcomes_between(run_id, 0, 2) if (o.case_no, o.stage, o.item) not in lost]
    store.clear_run(run_id)
    store.append(run_id, kept, [])
    store.close()
    generator, scored = ScriptedGenerator(), len(metric.calls)
    result = _each(generator, metrics=[metric], path=path).run()
    assert (result.status, generator.calls) == (RunStatus.COMPLETED, [("q1", 12)])
    assert sorted(metric.calls[scored:]) == ["q0", "q1", "q1"]
    assert [len(case.samples) for case in result.cases] == [3, 3]


def test_observers_are_told_of_which_candidate_a_score_is() -> None:
    class Subscriber:
        def __init__(self) -> None:
            self.seen: list[tuple[str, Any]] = []

        def on_event(self, event: Any) -> None:
            if event.event_type == "score_completed":
                self.seen.append((event.case_id, event.candidate_index))

    subscriber = Subscriber()
    _each(ScriptedGenerator(), datasets=[dataset(1)]).run(store=InMemoryRunStore(), subscribers=[subscriber])
    assert sorted(subscriber.seen, key=str) == [("q0", 0), ("q0", 1), ("q0", 2), ("q0", None)]


def test_the_estimate_counts_the_reduced_answer_and_each_candidate() -> None:
    estimate = _each(ScriptedGenerator(), parser="builtin/text").estimate()
    assert (estimate.planned_generation_tasks, estimate.planned_parse_tasks, estimate.planned_score_tasks) == (6, 8, 8)


def test_what_is_scored_decides_the_run_and_the_default_is_not_said() -> None:
    reduced, each = (_each("builtin/demo_generator", score_candidates=rule).compile() for rule in ("reduced", "each"))
    assert reduced.run_id != each.run_id
    assert "score_candidates" not in reduced.identity.model_dump()
    assert "views" not in reduced.identity.model_dump()


@pytest.mark.parametrize("samples", [1, 40])
def test_any_number_of_candidates_is_scored(samples: int) -> None:
    result = _each(ScriptedGenerator(), samples=samples, seeds=[]).run(store=InMemoryRunStore())
    counts: list[CaseResult] = list(result.cases)
    assert [len(case.samples) for case in counts] == [samples, samples]
