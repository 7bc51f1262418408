"""What one run did is taken over by another that would do the same; never anything else."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, ScriptedReducer, cases, experiment
from themis.core.components import resolution
from themis.core.components.source_code import Sources
from themis.core.config import DatasetFile, RuntimeConfig
from themis.core.engine import planning, reuse
from themis.core.models import Case, Dataset
from themis.core.outcomes.outcome import CaseEnd
from themis.core.prompts import PromptSpec
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore, RunStore, sqlite_store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    made: RunStore = InMemoryRunStore() if request.param == "memory" else sqlite_store(tmp_path / "s.sqlite3")
    with closing(made):
        yield made


def lab(count: int = 5, dataset_id: str = "lab") -> Dataset:
    return Dataset(dataset_id=dataset_id, cases=cases(count))


class Lab:
    """The same components in different experiments."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.calls: list[tuple[str, int]] = []
        self.parses: list[str] = []
        self.scores: list[str] = []

    def run(self, **facts: Any) -> RunResult:
        """An experiment run to its end; what was called is in `calls`, `parses` and `scores`."""
        generator = ScriptedGenerator(
            lambda case, ctx: f"{case.input} {ctx.seed}", **facts.pop("generator", {"component_id": "lab/generator"})
        )
        parser = ScriptedParser(lambda output: output.split()[0], **facts.pop("parser", {"component_id": "lab/parser"}))
        metrics = [ScriptedMetric(**made) for made in facts.pop("metrics", [{"component_id": "lab/metric"}])]
        until = facts.pop("until_stage", "judge")
        facts.setdefault("datasets", [lab()])
        result = experiment(generator, parser=parser, metrics=metrics, **facts).run(until, store=self.store)
        self.calls, self.parses = generator.calls, parser.calls
        self.scores = [case_id for metric in metrics for case_id in metric.calls]
        assert result.progress.total_cases == len(result.cases)
        return result


@pytest.fixture
def desk(store: RunStore) -> Lab:
    """A store in which one run of five cases is finished."""
    found = Lab(store)
    found.run()
    assert (len(found.calls), len(found.parses), len(found.scores)) == (5, 5, 5)
    return found


def test_another_metric_does_not_generate_or_parse_again(desk: Lab) -> None:
    result = desk.run(metrics=[{"component_id": "lab/other"}])
    assert (len(desk.calls), len(desk.parses), len(desk.scores)) == (0, 0, 5)
    assert result.status == "completed"
    assert [str(case.generated_candidates[0].final_output).split()[0] for case in result.cases] == [
        f"a{no}" for no in range(5)
    ]


def test_a_further_metric_does_not_score_again_what_is_scored(desk: Lab) -> None:
    result = desk.run(metrics=[{"component_id": "lab/other"}, {"component_id": "lab/metric"}])
    assert (len(desk.calls), len(desk.scores)) == (0, 5)
    assert [score.metric_id for score in result.cases[0].scores] == ["lab/other", "lab/metric"]


def test_another_parser_does_not_generate_again_but_scores_again(desk: Lab) -> None:
    desk.run(parser={"component_id": "lab/parser", "fingerprint": "two"})
    assert (len(desk.calls), len(desk.parses), len(desk.scores)) == (0, 5, 5)


CHANGES: dict[str, dict[str, Any]] = {
    "the generator's fingerprint": {"generator": {"component_id": "lab/generator", "fingerprint": "two"}},
    "the generator": {"generator": {"component_id": "lab/other"}},
    "the prompt": {"prompt": PromptSpec(instructions="Be brief.")},
    "the seeds": {"seeds": [7]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_generation_makes_it_again(desk: Lab, change: str) -> None:
    desk.run(**CHANGES[change])
    assert len(desk.calls) == 5


def test_given_seeds_are_taken_over_one_by_one(store: RunStore) -> None:
    desk = Lab(store)
    desk.run(samples=2, seeds=[1, 2])
    assert len(desk.calls) == 10
    desk.run(samples=2, seeds=[1, 3])
    assert sorted({seed for _, seed in desk.calls}) == [3]
    assert len(desk.calls) == 5


def test_more_samples_take_over_the_first_ones(store: RunStore) -> None:
    desk = Lab(store)
    desk.run(samples=2, seeds=[1, 2])
    result = desk.run(samples=3, seeds=[1, 2, 3])
    assert sorted({seed for _, seed in desk.calls}) == [3]
    assert [candidate.final_output for candidate in result.cases[0].generated_candidates] == ["a0 1", "a0 2", "a0 3"]


def test_repeats_are_never_made_of_one_another(store: RunStore) -> None:
    desk = Lab(store)
    result = desk.run(samples=4)
    assert len(desk.calls) == 20
    assert len({candidate.final_output for candidate in result.cases[0].generated_candidates}) == 4


def test_an_edit_of_the_source_under_the_same_fingerprint_is_noticed(
    desk: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolution, "sources_of", lambda *_: Sources("edited", {"lab.py": "edited"}))
    desk.run(metrics=[{"component_id": "lab/other"}])
    assert len(desk.calls) == 5


def test_a_shuffled_and_longer_dataset_is_taken_over_by_content(desk: Lab) -> None:
    found = cases(9)
    shuffled = Dataset(dataset_id="lab", cases=[found[no] for no in (8, 3, 6, 0, 2, 7, 4, 1, 5)])
    result = desk.run(datasets=[shuffled])
    assert sorted(case_id for case_id, _ in desk.calls) == ["q5", "q6", "q7", "q8"]
    assert len(desk.scores) == 4
    assert [case.case_id for case in result.cases] == [case.case_id for case in shuffled.cases]
    for case in result.cases:
        assert case.parsed_output is not None
        assert case.parsed_output.value == f"a{case.case_id[1:]}"


@pytest.fixture
def asked(desk: Lab, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges of ends that are read of the run of `desk`."""
    found: list[tuple[int, int]] = []
    (lent,) = (record.run_id for record in desk.store.list_runs())
    read = desk.store.ends_between

    def ends_between(run_id: str, first: int, stop: int) -> list[CaseEnd]:
        if run_id == lent:
            found.append((first, stop))
        return read(run_id, first, stop)

    monkeypatch.setattr(desk.store, "ends_between", ends_between)
    return found


def test_cases_that_stand_where_they_stood_are_found_without_a_look_at_all_of_them(
    desk: Lab, asked: list[tuple[int, int]]
) -> None:
    desk.run(datasets=[lab(4)], metrics=[{"component_id": "lab/other"}])
    assert (desk.calls, len(desk.scores), asked) == ([], 4, [(0, 4)])


def test_cases_that_stand_elsewhere_are_looked_for_in_ranges_of_the_other_run_once(
    desk: Lab, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "ENDS_READ", 2)
    monkeypatch.setattr(planning, "PAGE", 2)
    desk.run(datasets=[Dataset(dataset_id="lab", cases=cases(6)[::-1])], metrics=[{"component_id": "lab/other"}])
    assert ([case_id for case_id, _ in desk.calls], len(desk.scores)) == (["q5"], 6)
    assert asked == [(0, 2), (0, 2), (2, 4), (4, 6), (2, 4), (4, 6)]


def test_a_case_whose_content_changed_is_made_again(desk: Lab) -> None:
    changed = cases(5)
    changed[2] = Case(case_id="q2", input="a2", expected_output="another answer")
    desk.run(datasets=[Dataset(dataset_id="lab", cases=changed)])
    assert [case_id for case_id, _ in desk.calls] == ["q2"]
    assert desk.scores == ["q2"]


def test_another_dataset_with_the_same_cases_is_another_matter(desk: Lab) -> None:
    desk.run(datasets=[lab(dataset_id="lib")])
    assert len(desk.calls) == 5


def test_two_datasets_with_the_same_case_ids_stay_apart(store: RunStore) -> None:
    def two(first: str, second: str) -> list[Dataset]:
        one = Dataset(dataset_id=first, cases=[Case(case_id="same", input=first)])
        return [one, Dataset(dataset_id=second, cases=[Case(case_id="same", input=second)])]

    desk = Lab(store)
    desk.run(datasets=two("x", "y"))
    assert len(desk.calls) == 2
    result = desk.run(datasets=two("y", "x"), metrics=[{"component_id": "lab/other"}])
    assert desk.calls == []
    assert [case.parsed_output.value for case in result.cases if case.parsed_output] == ["y", "x"]


def test_the_dataset_may_move_into_a_file(desk: Lab, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case.model_dump()) + "\n" for case in cases(6)))
    desk.run(datasets=[DatasetFile(dataset_id="lab", path=str(path))])
    assert [case_id for case_id, _ in desk.calls] == ["q5"]


def test_other_labels_of_the_dataset_are_another_score(desk: Lab) -> None:
    desk.run(datasets=[Dataset(dataset_id="lab", cases=cases(5), metadata={"language": "de"})])
    assert (len(desk.calls), len(desk.parses), len(desk.scores)) == (0, 0, 5)


def test_failures_are_not_taken_over(store: RunStore) -> None:
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if case.case_id == "q1" else case.input)
    experiment(generator, metrics=[ScriptedMetric()]).run(store=store)
    generator.calls.clear()
    generator.script = lambda case, ctx: case.input
    result = experiment(generator, metrics=[ScriptedMetric(component_id="lab/other")]).run(store=store)
    assert [case_id for case_id, _ in generator.calls] == ["q1"]
    assert result.status == "completed"


def test_an_unfinished_run_lends_what_it_has(store: RunStore) -> None:
    desk = Lab(store)
    desk.run(until_stage="generate")
    desk.run(metrics=[{"component_id": "lab/other"}])
    assert (len(desk.calls), len(desk.parses)) == (0, 5)


def test_what_was_taken_over_is_the_runs_own(desk: Lab) -> None:
    result = desk.run(metrics=[{"component_id": "lab/other"}])
    again = desk.run(metrics=[{"component_id": "lab/other"}])
    assert again == result
    assert (desk.calls, desk.parses, desk.scores) == ([], [], [])
    assert len(desk.store.outcomes_between(result.run_id, 0, 5)) == 15


def test_another_reducer_takes_over_the_candidates(store: RunStore) -> None:
    def reducer(fingerprint: str) -> ScriptedReducer:
        return ScriptedReducer(lambda found: found[0].final_output, component_id="lab/reducer", fingerprint=fingerprint)

    desk = Lab(store)
    desk.run(samples=2, reducer=reducer("one"))
    other = reducer("two")
    desk.run(samples=2, reducer=other)
    assert desk.calls == []
    assert len(other.calls) == 5


def test_nothing_is_taken_over_between_stores(desk: Lab) -> None:
    elsewhere = Lab(InMemoryRunStore())
    elsewhere.run()
    assert len(elsewhere.calls) == 5


@pytest.mark.few(1)
def test_a_thousand_shuffled_cases_all_keep_their_own_answer(store: RunStore) -> None:
    desk = Lab(store)
    found = cases(1_000)
    desk.run(datasets=[Dataset(dataset_id="lab", cases=found)])
    mixed = Dataset(dataset_id="lab", cases=found[::-2] + found[::2])
    result = desk.run(datasets=[mixed], metrics=[{"component_id": "lab/other"}])
    assert desk.calls == []
    assert [case.parsed_output.value for case in result.cases if case.parsed_output] == [
        case.input for case in mixed.cases
    ]


def test_a_rerun_takes_nothing_over(desk: Lab) -> None:
    desk.run(metrics=[{"component_id": "lab/other"}])
    assert desk.calls == []
    desk.run(runtime=RuntimeConfig(existing_run_policy="rerun"))
    assert (len(desk.calls), len(desk.parses), len(desk.scores)) == (5, 5, 5)
