"""Programs that make prompts, datasets and stores, and that look at stored runs."""

import json
from pathlib import Path

import pytest

import themis
import themis.core as t
from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    dataset,
    experiment,
)
from themis.core import results


def test_a_prompt_is_its_sections_in_order_parted_by_blank_lines() -> None:
    assert t.PromptSpec().render_input({"a": 1}) == {"a": 1}
    spec = t.PromptSpec(
        instructions="I", prefix="P", suffix="S", blocks=[{"title": "T", "a": 1}, {"z": 1, "a": {"d": 1, "c": 2}}]
    )
    assert spec.render_input("x") == (
        'Instructions:\nI\n\nP\n\nT:\n{"a": 1}\n\nBlock 2:\n{"a": {"c": 2, "d": 1}, "z": 1}\n\nS\n\nInput:\nx'
    )


def test_datasets_are_made_by_keyword(tmp_path: Path) -> None:
    one = t.dataset_from_inline(input_value="2 + 2", expected_output="4")
    assert one == t.Dataset(
        dataset_id="inline", revision="inline", cases=[t.Case(case_id="case-1", input="2 + 2", expected_output="4")]
    )
    named = t.dataset_from_inline(input_value=1, expected_output=None, dataset_id="d", case_id="c", revision="r")
    assert (named.dataset_id, named.revision, named.cases[0].case_id) == ("d", "r", "c")
    path = tmp_path / "qa.jsonl"
    path.write_text('{"input": "x"}\n', encoding="utf-8")
    assert t.dataset_from_jsonl(path).dataset_id == "qa"


def test_a_store_is_made_by_its_configuration_and_of_ones_own_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(t.create_run_store(config=t.StorageConfig(store="memory")), t.InMemoryRunStore)
    path = tmp_path / "s.sqlite3"
    store = t.create_run_store(t.StorageConfig(store="sqlite", parameters={"path": str(path)}))
    assert isinstance(store, t.SqliteRunStore)
    store.close()
    monkeypatch.setattr("themis.core.stores.registry._registered", {})
    made: list[t.StorageConfig] = []

    def build(config: t.StorageConfig) -> t.InMemoryRunStore:
        made.append(config)
        return t.InMemoryRunStore()

    t.register_store_backend(name="mine", builder=build)
    config = t.StorageConfig(store="mine", parameters={"shelf": 3})
    assert isinstance(t.create_run_store(config), t.InMemoryRunStore)
    assert made == [config]


# --- stored runs


@pytest.fixture
def stored() -> tuple[t.InMemoryRunStore, str]:
    step = t.TraceStep(step_name="s", step_type="tool")
    told = t.Message(role="user", content="hi")

    def answer(case: t.Case, ctx: t.GenerateContext) -> t.GenerationResult:
        return t.GenerationResult(candidate_id="c", final_output=case.input, trace=[step], conversation=[told])

    store = t.InMemoryRunStore()
    return store, experiment(ScriptedGenerator(answer), datasets=[dataset(1)]).run(store=store).run_id


def test_a_stored_run_is_found_again(stored: tuple[t.InMemoryRunStore, str]) -> None:
    store, run_id = stored
    store.initialize()
    found = store.resume(run_id)
    assert found is not None
    assert found.snapshot == t.get_run_snapshot(store, run_id)
    assert found.execution_state == t.get_execution_state(store, run_id)
    case = found.execution_state.case_states["3:lab:q0"]
    assert list(case.generated_candidates) == ["0"]
    assert list(case.successful_scores) == ["builtin/exact_match"]
    assert (case.evaluation_executions, case.score_failures) == ({}, {})
    assert store.resume("x") is None


def test_the_views_of_a_run_have_their_keys(stored: tuple[t.InMemoryRunStore, str]) -> None:
    store, run_id = stored
    place = {"case_id", "dataset_id", "case_key", "candidate_id", "trace_id"}
    row = {"metric_id", "outcome", "value", "candidate_id", "error_category", "error_message", "details"}
    benchmark = store.get_projection(run_id, "benchmark_result")
    assert set(benchmark) - {"metrics"} == set(t.BenchmarkResult.model_fields) - {"metrics"}
    assert set(benchmark["score_rows"][0]) == {"case_id", "dataset_id", "case_key"} | row
    assert t.BenchmarkResult.model_validate({**benchmark, "metrics": {}}).total_cases == 1
    traces = store.get_projection(run_id, "trace_view")
    assert set(traces["generation_traces"][0]) == place | {"steps"}
    assert set(traces["conversation_traces"][0]) == place | {"messages"}
    assert traces["evaluation_traces"] == []
    entries = store.get_projection(run_id, "timeline_view")["entries"]
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    assert set(entries[0]) >= {"event_type", "occurred_at", "case_id", "candidate_id", "metric_id"}
    assert store.get_projection(run_id, "run_result")["run_id"] == run_id
    assert store.get_projection(run_id, "snapshot")["run_id"] == run_id


def test_a_run_is_reported_in_each_form(stored: tuple[t.InMemoryRunStore, str]) -> None:
    store, run_id = stored
    reporter = t.Reporter(store)
    assert set(json.loads(reporter.export_json(run_id))) == {
        "snapshot",
        "execution_state",
        "run_result",
        "benchmark_result",
        "timeline_view",
        "trace_view",
    }
    columns = [
        "case_id",
        "dataset_id",
        "case_key",
        "metric_id",
        "outcome",
        "value",
        "candidate_id",
        "error_category",
        "error_message",
        "details",
    ]
    assert reporter.export_csv(run_id).splitlines()[0].split(",") == columns
    assert [list(row) for row in reporter.export_score_table(run_id)] == [columns]
    markdown = reporter.export_markdown(run_id)
    assert markdown.startswith(f"# Run Report\n\n- run_id: {run_id}\n- status: completed\n- total_cases: 1\n")
    assert "\n- case=q0 metric=builtin/exact_match outcome=correct value=1.0 candidate=c " in markdown
    latex = reporter.export_latex(run_id)
    assert latex.startswith(r"\begin{tabular}{llllllllll}")
    assert r"q0 & lab & 3:lab:q0 & builtin/exact\_match & correct & 1.0 & c &  &  &  \\" in latex
    assert t.snapshot_report(t.get_run_snapshot(store, run_id))["run_id"] == run_id


def test_quickcheck_has_its_keys(stored: tuple[t.InMemoryRunStore, str]) -> None:
    store, run_id = stored
    assert set(t.quickcheck(store, run_id)) == {
        "run_id",
        "status",
        "total_cases",
        "completed_cases",
        "failed_cases",
        "metric_means",
        "metrics",
        "score_rows",
    }


# --- run again from what is stored, and handed on


def test_a_stored_run_is_replayed_from_each_stage(stored: tuple[t.InMemoryRunStore, str]) -> None:
    store, run_id = stored
    metric = ScriptedMetric(lambda value, case: 0.5)
    generator = ScriptedGenerator()
    made = experiment(generator, metrics=[metric], datasets=[dataset(1)])
    first = made.run(store=store)
    generator.calls.clear()
    metric.script = lambda value, case: 1.0
    for stage in ("reduce", "parse", "score"):
        result = made.replay(stage=stage, store=store)
        assert (result.run_id, result.status, result.completed_through_stage) == (first.run_id, "completed", "score")
    assert made.replay(stage="score", metric_ids=["lab/metric"], store=store) == result
    assert t.quickcheck(store, result.run_id)["metric_means"] == {"lab/metric": 1.0}
    assert generator.calls == []
    with pytest.raises(ValueError, match="no metric of this run asks a judge"):
        made.rejudge(store=store)
    assert result.run_id != run_id


@pytest.mark.parametrize("stage", ["generation", "reduction", "parse", "score"])
def test_a_bundle_hands_the_results_of_a_stage_on(stored: tuple[t.InMemoryRunStore, str], stage: str) -> None:
    store, run_id = stored
    bundle = getattr(themis, f"export_{stage}_bundle")(store, run_id)
    assert isinstance(bundle, getattr(results, f"{stage.title()}Bundle"))
    assert (bundle.schema_version, bundle.run_id, len(bundle.records)) == (1, run_id, 1)
    assert bundle.snapshot == t.get_run_snapshot(store, run_id)
    elsewhere = t.InMemoryRunStore()
    themis.import_generation_bundle(elsewhere, themis.export_generation_bundle(store, run_id))
    getattr(themis, f"import_{stage}_bundle")(elsewhere, bundle)
    found = elsewhere.resume(run_id)
    assert found is not None
    assert found.snapshot == bundle.snapshot
    assert list(found.execution_state.case_states) == ["3:lab:q0"]
    unknown = bundle.records[0].model_copy(update={"case_id": "q9", "case_key": "3:lab:q9"})
    with pytest.raises(ValueError, match="case 'q9' of dataset 'lab' is not one of the run's"):
        getattr(themis, f"import_{stage}_bundle")(elsewhere, bundle.model_copy(update={"records": [unknown]}))
