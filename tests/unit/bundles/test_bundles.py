"""Results of a run as bundles: out of one store as JSON, and into another, where the run continues."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import themis
from tests.support.judging_lab import ScriptedJudged, judged_experiment
from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    cases,
    experiment,
)
from tests.support.stores import EACH_STORE, STORES
from themis.core.config import DatasetFile, RuntimeConfig
from themis.core.errors import BundleError, RunBusyError, UnknownRunError
from themis.core.models import Dataset, GenerationResult
from themis.core.outcomes.stages import Stage
from themis.core.results import EvaluationBundle, GenerationBundle, ParseBundle, ReductionBundle, ScoreBundle
from themis.core.stores import InMemoryRunStore, RunStore, run_locks, sqlite_store
from themis.core.submission import run_worker_once, submit_experiment

STAGES = ("generation", "reduction", "parse", "score")
MODELS = {
    "generation": GenerationBundle,
    "reduction": ReductionBundle,
    "parse": ParseBundle,
    "score": ScoreBundle,
    "evaluation": EvaluationBundle,
}


def export(store: RunStore, run_id: str, stage: str) -> Any:
    """The bundle of a stage, as JSON."""
    bundle = getattr(themis, f"export_{stage}_bundle")(store, run_id)
    assert type(bundle) is MODELS[stage]
    return json.loads(bundle.model_dump_json())


def take_in(store: RunStore, stage: str, document: Any) -> str:
    """Import the bundle of a stage from JSON."""
    found: str = getattr(themis, f"import_{stage}_bundle")(store, document)
    return found


class Lab:
    """An experiment with every stage."""

    def __init__(self, **facts: Any) -> None:
        self.generator = ScriptedGenerator(
            lambda case, ctx: GenerationResult(
                candidate_id=f"{case.case_id}/{ctx.seed}",
                final_output=f"{case.input} {ctx.seed}",
                token_usage={"prompt_tokens": 3},
                finish_reason="length" if case.case_id == "q1" else "stop",
            )
        )
        self.metric = ScriptedMetric(lambda value, case: 0.5)
        self.parser = ScriptedParser(
            lambda output: None if str(output).startswith("a2") else [output, "ü"], component_id="lab/parser"
        )
        made: dict[str, Any] = {
            "samples": 2,
            "selector": ScriptedSelector(lambda found: found[1:], component_id="lab/selector"),
            "reducer": ScriptedReducer(lambda found: found[0].final_output, component_id="lab/reducer"),
            "parser": self.parser,
            "metrics": [self.metric, "builtin/exact_match"],
            **facts,
        }
        self.experiment = experiment(self.generator, **made)

    @property
    def run_id(self) -> str:
        return self.experiment.compile().run_id

    def forget_calls(self) -> None:
        for component in (self.generator, self.parser, self.metric):
            component.calls.clear()


@pytest.fixture(params=EACH_STORE)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    """Another store, of each kind."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with closing(STORES[request.param](folder)) as made:
        yield made


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def here(lab: Lab) -> RunStore:
    """A store in which the experiment has been run."""
    store = InMemoryRunStore()
    assert lab.experiment.run(store=store).status == "completed"
    lab.forget_calls()
    return store


def outcomes(store: RunStore, run_id: str) -> Any:
    """What is stored of all cases; the time of a selection is not part of a bundle, as its reduction has one."""
    found = store.outcomes_between(run_id, 0, 100)
    without = [one._replace(finished_ms=0) if one.stage is Stage.SELECT else one for one in found]
    return without, store.ends_between(run_id, 0, 100)


def test_the_bundles_of_all_stages_make_the_same_run_elsewhere(lab: Lab, here: RunStore, elsewhere: RunStore) -> None:
    for stage in STAGES:
        assert take_in(elsewhere, stage, export(here, lab.run_id, stage)) == lab.run_id
    assert outcomes(elsewhere, lab.run_id) == outcomes(here, lab.run_id)
    there = elsewhere.resume(lab.run_id)
    assert there == here.resume(lab.run_id)
    assert there is not None
    assert (there.execution_state.status, there.execution_state.completed_through_stage) == ("completed", "score")
    before = here.get_projection(lab.run_id, "benchmark_result")
    assert elsewhere.get_projection(lab.run_id, "benchmark_result") == before
    assert lab.experiment.run(store=elsewhere).status == "completed"
    assert lab.generator.calls == lab.parser.calls == lab.metric.calls == []


def test_a_run_continues_from_the_generations_of_a_bundle(lab: Lab, here: RunStore, elsewhere: RunStore) -> None:
    take_in(elsewhere, "generation", export(here, lab.run_id, "generation"))
    there = elsewhere.resume(lab.run_id)
    assert there is not None
    assert (there.execution_state.status, there.execution_state.completed_through_stage) == ("completed", "generate")
    assert len(there.execution_state.case_states) == 3
    result = lab.experiment.run(store=elsewhere)
    assert (lab.generator.calls, len(lab.parser.calls)) == ([], 3)
    assert result == lab.experiment.run(store=here)


def test_importing_twice_is_the_same_as_once(lab: Lab, here: RunStore, elsewhere: RunStore) -> None:
    documents = {stage: export(here, lab.run_id, stage) for stage in STAGES}
    for stage, document in documents.items():
        take_in(elsewhere, stage, document)
    before = outcomes(elsewhere, lab.run_id), elsewhere.load_run(lab.run_id)
    for stage, document in documents.items():
        take_in(elsewhere, stage, document)
    assert (outcomes(elsewhere, lab.run_id), elsewhere.load_run(lab.run_id)) == before
    assert {stage: export(elsewhere, lab.run_id, stage) for stage in STAGES} == documents


def test_a_bundle_is_also_taken_as_a_model_or_as_text(lab: Lab, here: RunStore) -> None:
    bundle = themis.export_generation_bundle(here, lab.run_id)
    for given in (bundle, bundle.model_dump(mode="json"), bundle.model_dump_json(), bundle.model_dump_json().encode()):
        store = InMemoryRunStore()
        assert themis.import_generation_bundle(store, given) == lab.run_id
        assert len(store.outcomes_between(lab.run_id, 0, 9)) == 6


def test_other_metrics_use_the_generations_of_a_bundle(lab: Lab, here: RunStore, elsewhere: RunStore) -> None:
    take_in(elsewhere, "generation", export(here, lab.run_id, "generation"))
    other = Lab(metrics=[ScriptedMetric(component_id="lab/other")])
    assert other.experiment.run(store=elsewhere).status == "completed"
    assert other.generator.calls == []


def test_failures_are_left_out_and_tried_again(elsewhere: RunStore) -> None:
    lab = Lab()
    script = lab.generator.script
    lab.generator.script = lambda case, ctx: ValueError("no") if case.case_id == "q2" else script(case, ctx)
    here = InMemoryRunStore()
    assert lab.experiment.run(store=here).status == "partial_failure"
    for stage in STAGES:
        take_in(elsewhere, stage, export(here, lab.run_id, stage))
    record = elsewhere.load_run(lab.run_id)
    assert record is not None
    assert (record.status, elsewhere.count_ends(lab.run_id)) == ("pending", (2, 0))
    lab.forget_calls()
    lab.generator.script = script
    assert lab.experiment.run(store=elsewhere).status == "completed"
    assert {case_id for case_id, _ in lab.generator.calls} == {"q2"}


def test_a_run_without_parser_and_reducer_exports_what_passes_through(elsewhere: RunStore) -> None:
    here = InMemoryRunStore()
    made = experiment(metrics=["builtin/exact_match"])
    run_id = made.run(store=here).run_id
    assert [record["result"]["value"] for record in export(here, run_id, "parse")["records"]] == ["a0", "a1", "a2"]
    for stage in STAGES:
        take_in(elsewhere, stage, export(here, run_id, stage))
    assert outcomes(elsewhere, run_id) == outcomes(here, run_id)


def test_the_cases_of_a_file_are_known_by_their_digests(tmp_path: Path, elsewhere: RunStore) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case.model_dump()) + "\n" for case in cases(4)))
    lab = Lab(datasets=[DatasetFile(dataset_id="file", path=str(path)), Dataset(dataset_id="lab", cases=cases(2))])
    here = InMemoryRunStore()
    here.create_run(lab.experiment.compile())
    with pytest.raises(BundleError, match=r"4 cases of dataset 'file' have not ended, .*run it to its end first"):
        export(here, lab.run_id, "generation")
    lab.experiment.run(store=here)
    documents = {stage: export(here, lab.run_id, stage) for stage in STAGES}
    run_id = lab.run_id
    path.unlink()
    for stage, document in documents.items():
        take_in(elsewhere, stage, document)
    assert outcomes(elsewhere, run_id) == outcomes(here, run_id)


def test_a_run_that_is_not_there_is_refused() -> None:
    for stage in STAGES:
        with pytest.raises(UnknownRunError):
            export(InMemoryRunStore(), "f" * 64, stage)


# --- judgments -------------------------------------------------------------------------------------------------------


@pytest.fixture
def judged() -> tuple[RunStore, str]:
    """A store with a judged run, in which one case has no answer."""
    parser = ScriptedParser(lambda output: None if output == "a2" else output, component_id="lab/parser")
    store = InMemoryRunStore()
    made = judged_experiment(metrics=[ScriptedMetric(), ScriptedJudged()], parser=parser)
    return store, made.run(store=store).run_id


def test_judgments_are_handed_on_with_the_calls_of_the_judges(
    judged: tuple[RunStore, str], elsewhere: RunStore
) -> None:
    here, run_id = judged
    for stage in MODELS:
        take_in(elsewhere, stage, export(here, run_id, stage))
    assert outcomes(elsewhere, run_id) == outcomes(here, run_id)
    assert elsewhere.resume(run_id) == here.resume(run_id)
    execution = themis.get_evaluation_execution(elsewhere, run_id, "q0", "lab/judged")
    assert execution is not None
    assert execution == themis.get_evaluation_execution(here, run_id, "q0", "lab/judged")
    record = elsewhere.load_run(run_id)
    assert record is not None
    assert (record.status, record.completed_through) == ("completed", "judge")


def test_a_judgment_that_does_not_come_to_its_score_is_refused(judged: tuple[RunStore, str]) -> None:
    here, run_id = judged
    for path, value, words in (
        ("records/0/value", 0.5, r"records.0: value: the judgments come to 1.0 \(None\), not to 0.5"),
        ("records/0/execution", None, "records.0: execution: there is none beside category None"),
        ("records/2/category", None, "records.2: execution: there is none beside category None"),
        ("records/0/metric_id", "lab/metric", "records.0: metric_id: 'lab/metric' is not metric 1"),
        ("records/0/execution/status", "done", "records.0.execution.status: "),
    ):
        document = export(here, run_id, "evaluation")
        _set(path, value)(document)
        with pytest.raises(BundleError, match=words):
            take_in(InMemoryRunStore(), "evaluation", document)
    scores = export(here, run_id, "score")
    scores["records"][0] |= {"item": 1, "metric_id": "lab/judged"}
    with pytest.raises(BundleError, match=r"records.0: metric_id: 'lab/judged' asks judges: see its own bundle"):
        take_in(InMemoryRunStore(), "score", scores)


# --- what is refused -------------------------------------------------------------------------------------------------


def _set(path: str, value: Any) -> Callable[[Any], None]:
    """Set a part of a document: the last word of the path in what the words before it name."""

    def change(document: Any) -> None:
        *words, last = [int(word) if word.isdecimal() else word for word in path.split("/")]
        for word in words:
            document = document[word]
        document[last] = value

    return change


def _repeat(document: Any) -> None:
    document["records"].append(document["records"][0])


def _another_seed(document: Any) -> None:
    document["snapshot"]["identity"]["seeds"] = [1, 2]


HOSTILE: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "a newer form": ("generation", _set("schema_version", 2), r"newer Themis \(form 2, this version reads up to 1\)"),
    "no form": ("generation", _set("schema_version", 0), "schema_version: 0 is not a version"),
    "a text as records": ("generation", _set("records", "all"), "records: must be a list, not 'all'"),
    "an unknown field": ("generation", _set("more", 1), "more: extra inputs are not permitted"),
    "an unknown field of a record": ("score", _set("records/0/more", 1), "records.0.more: extra inputs"),
    "a wrong type": (
        "generation",
        _set("records/0/result/latency_ms", "soon"),
        "result.latency_ms: must be a number",
    ),
    "a number that JSON has not": (
        "score",
        _set("records/0/value", float("nan")),
        "records.0.value: must be a",
    ),
    "infinity deep inside": ("generation", _set("records/0/result/final_output", [1e999]), "final_output: .*inf"),
    "another run": ("generation", _set("run_id", "f" * 64), "run_id: the snapshot is that of run"),
    "another snapshot": ("generation", _another_seed, "run_id: the snapshot is that of run"),
    "another component": (
        "generation",
        _set("snapshot/component_refs/generator/fingerprint", "two"),
        "snapshot.component_refs.generator: does not fit",
    ),
    "another metric": ("score", _set("snapshot/component_refs/metrics/0/version", "2"), "component_refs.metrics: does"),
    "another dataset": ("score", _set("snapshot/datasets/0/content", "0" * 64), "snapshot.datasets: does not fit"),
    "other cases": ("score", _set("snapshot/datasets/0/cases/0/input", "b"), "the cases of 'lab' are not its content"),
    "other counts": ("score", _set("snapshot/datasets/0/case_count", 10**12), "case_digests: those of dataset 'lab'"),
    "other digests": ("score", _set("case_digests/0", "00" * 48), "case_digests: those of dataset 'lab' are not"),
    "no digits": ("score", _set("case_digests/0", "xx"), "case_digests: are not hexadecimal digits"),
    "more datasets": ("score", _set("case_digests", ["", ""]), "case_digests: 2 datasets, but the run has 1"),
    "another number of seeds": ("score", _set("snapshot/datasets/0/derived_seeds", [1]), "another number of seeds"),
    "other kinds of metrics": ("score", _set("snapshot/metric_kinds", {}), "snapshot.metric_kinds: does not fit"),
    "an unknown case": ("parse", _set("records/0/case_id", "q9"), r"records.0: case 'q9' of dataset 'lab' is not one"),
    "an unknown digest": ("parse", _set("records/0/digest", "0" * 32), "records.0: case 'q0' of dataset 'lab' is not"),
    "an unknown dataset": ("parse", _set("records/0/dataset_id", "x"), "records.0: case 'q0' of dataset 'x' is not"),
    "another key": ("parse", _set("records/0/case_key", "3:lab:q1"), "records.0: case_key '3:lab:q1' is not that of"),
    "a result twice": ("generation", _repeat, "records.6: case 'q0' has two results for the same thing"),
    "an unknown candidate": (
        "generation",
        _set("records/0/candidate_index", 2),
        "records.0: candidate_index: 2 is not",
    ),
    "an unknown metric": ("score", _set("records/0/metric_id", "x"), "records.0: metric_id: 'x' is not metric 0"),
    "a metric too many": ("score", _set("records/0/item", 2), "records.0: item: 2 is not a metric of the run"),
    "an unknown category": ("score", _set("records/0/category", "lost"), "records.0: category: 'lost' is not why"),
    "no score and no reason": ("score", _set("records/0/value", None), "records.0: category: None is not why"),
    "a candidate that was not kept": ("reduction", _set("records/0/kept", [2]), r"records.0: kept: \[2\] are not"),
    "a time in another age": ("score", _set("records/0/finished_ms", 10**30), "records.0.finished_ms: must be"),
    "results of other candidates": ("score", _set("records/0/made_of", "0" * 32), "made_of: the results of case 'q0'"),
}


@pytest.mark.few(11)
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_bundle_is_refused_in_one_line_and_leaves_nothing(case: str, lab: Lab, here: RunStore) -> None:
    stage, change, words = HOSTILE[case]
    document = export(here, lab.run_id, stage)
    change(document)
    store = InMemoryRunStore()
    with pytest.raises(BundleError, match=words) as raised:
        take_in(store, stage, document)
    assert str(raised.value).startswith("bundle: ")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400
    assert store.list_runs() == []


@pytest.mark.parametrize("given", ["", "{", "[" * 100_000, b"\xff\xfe", "null", 5, None, [], "1" * 5_000])
def test_what_is_no_bundle_is_refused_in_one_line(given: Any) -> None:
    with pytest.raises(BundleError) as raised:
        themis.import_generation_bundle(InMemoryRunStore(), given)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_bundle_of_another_stage_is_refused(lab: Lab, here: RunStore) -> None:
    bundle = themis.export_score_bundle(here, lab.run_id)
    with pytest.raises(BundleError, match="it is a ScoreBundle, not a GenerationBundle"):
        themis.import_generation_bundle(InMemoryRunStore(), bundle)


def test_results_need_the_candidates_that_they_were_made_of(lab: Lab, here: RunStore, elsewhere: RunStore) -> None:
    scores = export(here, lab.run_id, "score")
    with pytest.raises(BundleError, match="case 'q0': the store has no candidates of it yet; import the bundle of its"):
        take_in(elsewhere, "score", scores)
    assert elsewhere.list_runs() == [], "an import is one transaction"
    lab.generator.script = lambda case, ctx: "another answer"
    lab.experiment.run("generate", store=elsewhere)
    with pytest.raises(BundleError, match="case 'q0': its results were made of other candidates than the store has"):
        take_in(elsewhere, "score", scores)


def test_a_run_that_a_process_works_on_takes_in_nothing(
    lab: Lab, here: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_locks, "PATIENCE_S", 0.0)
    document = export(here, lab.run_id, "generation")
    with closing(sqlite_store(tmp_path / "s.sqlite3")) as store, store.hold_run(lab.run_id):
        with pytest.raises(RunBusyError):
            take_in(store, "generation", document)
        assert store.list_runs() == []


def test_a_worker_loads_what_was_submitted_whatever_a_bundle_names(tmp_path: Path) -> None:
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"))
    made = experiment("builtin/demo_generator", path=tmp_path / "s.sqlite3", runtime=runtime)
    here = InMemoryRunStore()
    run_id = made.run("generate", store=here).run_id
    document = export(here, run_id, "generation")
    for target in (document["snapshot"]["component_refs"]["metrics"][0]["target"],):
        target["use"] = "antigravity:fly"
    document["records"].pop()
    with closing(made.open_store()) as store:
        take_in(store, "generation", document)
    submit_experiment(made)
    result = run_worker_once(tmp_path / "queue")
    assert result is not None
    assert (result.status, len(result.cases)) == ("completed", 3)
    assert "antigravity" not in sys.modules
