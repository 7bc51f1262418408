"""Programs as the contract has them: an experiment from its file, from its parts, and what decides what it is."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import themis.core as t
from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    cases,
    dataset,
    experiment,
)
from tests.support.onlookers import Listener, Tracer
from themis import evaluate, evaluate_async
from themis.core.errors import (
    RunExistsError,
    RunningLoopError,
)

CONFIG = """
generation: {generator: builtin/demo_generator}
evaluation: {metrics: [builtin/exact_match]}
storage: {store: sqlite}
datasets: [{dataset_id: d, cases: [{case_id: a, input: "1", expected_output: "1"}]}]
"""


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_the_example_runs_as_it_stands(tmp_path: Path, config_path: Path) -> None:
    root = tmp_path
    from themis.core.experiment import Experiment  # noqa: PLC0415  # as the example imports it
    from themis.core.submission import run_worker_once, submit_experiment  # noqa: PLC0415

    experiment = Experiment.from_config(config_path)
    manifest = submit_experiment(experiment, config_path=str(config_path), mode="worker_pool")
    result = run_worker_once(root / "runs" / "queue")
    assert result is not None
    assert (result.run_id, result.status.value) == (manifest.run_id, "completed")
    assert (manifest.mode, manifest.status, manifest.config_path) == ("worker_pool", "pending", str(config_path))
    assert manifest.manifest_path.parent == root / "runs" / "queue" / "queued"
    assert manifest.manifest_path.name != f"{manifest.run_id}.json"
    assert run_worker_once(root / "runs" / "queue") is None


def test_a_batch_request_lies_where_it_says_and_moves_when_it_is_done(tmp_path: Path, config_path: Path) -> None:
    made = t.Experiment.from_config(config_path)
    manifest = t.submit_experiment(made, config_path=str(config_path), mode="batch")
    assert manifest.manifest_path == tmp_path / "runs" / "batch" / "requests" / f"{manifest.run_id}.json"
    assert t.run_batch_request(manifest.manifest_path).status is t.RunStatus.COMPLETED
    assert (tmp_path / "runs" / "batch" / "completed" / manifest.manifest_path.name).is_file()


def test_an_experiment_is_read_from_a_file_with_overrides(config_path: Path) -> None:
    overrides = ["generation.candidate_policy.num_samples=4", "evaluation.metrics.0=builtin/f1"]
    made = t.Experiment.from_config(config_path, overrides=overrides)
    assert made.generation.candidate_policy == {"num_samples": 4}
    assert made.evaluation.metrics == ["builtin/f1"]
    replaced = t.Experiment.from_config(config_path, overrides=["evaluation.metrics=[builtin/f1,builtin/exact_match]"])
    assert replaced.evaluation.metrics == ["builtin/f1", "builtin/exact_match"]
    toml = config_path.with_suffix(".toml")
    toml.write_text(
        'generation = {generator = "builtin/demo_generator"}\nevaluation = {metrics = ["builtin/exact_match"]}\n'
        'storage = {store = "sqlite"}\n[[datasets]]\ndataset_id = "d"\n'
        'cases = [{case_id = "a", input = "1", expected_output = "1"}]\n',
        encoding="utf-8",
    )
    assert t.Experiment.from_config(toml).compile().run_id == t.Experiment.from_config(config_path).compile().run_id


def test_compiling_runs_nothing_and_gives_the_same_id_each_time() -> None:
    generator = ScriptedGenerator()
    made = experiment(generator)
    assert made.compile().run_id == experiment(generator).compile().run_id
    assert generator.calls == []


STOPS = {"generate": "generate", "reduce": "reduce", "parse": "parse", "score": "score", "judge": "score"}


@pytest.mark.parametrize(("asked", "through"), STOPS.items())
def test_a_run_that_is_stopped_says_through_which_stage_and_is_continued(asked: str, through: str) -> None:
    generator, store = ScriptedGenerator(), t.InMemoryRunStore()
    made = experiment(generator)
    stopped = made.run(until_stage=asked, store=store)
    assert (stopped.status, stopped.completed_through_stage) == (t.RunStatus.COMPLETED, through)
    whole = asyncio.run(made.run_async("judge", None, store, None, None))
    assert (whole.status, whole.completed_through_stage) == (t.RunStatus.COMPLETED, "score")
    assert len(generator.calls) == 3


def test_a_run_without_metrics_is_not_said_to_be_scored() -> None:
    assert experiment(metrics=[]).run().completed_through_stage == "parse"


def test_a_run_inside_a_running_loop_names_the_other_form() -> None:
    async def program() -> None:
        with pytest.raises(RunningLoopError, match="run_async") as caught:
            experiment().run()
        assert isinstance(caught.value, RuntimeError)
        result = await experiment().run_async(until_stage="judge", runtime=None, store=None, subscribers=None)
        assert result.status is t.RunStatus.COMPLETED

    asyncio.run(program())


DATA = [{"input": "2 + 2", "expected_output": "4"}, {"case_id": 9, "input": "x", "metadata": {"level": 1}}]


def test_evaluate_takes_all_its_keywords() -> None:
    store, seen = t.InMemoryRunStore(), Listener()
    keywords: dict[str, Any] = {
        "model": "builtin/demo_generator",
        "data": DATA,
        "metric": [ScriptedMetric()],
        "parser": "builtin/json_identity",
        "judge": None,
        "samples": 2,
        "reducer": "builtin/majority_vote",
        "storage": t.StorageConfig(store="memory"),
        "runtime": t.RuntimeConfig(),
        "seeds": [1, 2],
        "workflow_overrides": {"rubric": "strict"},
        "judge_config": {"repeats": 2},
        "environment_metadata": {"who": "me"},
        "themis_version": "4.0.0",
        "python_version": "3.12",
        "platform": "unknown",
        "store": store,
        "subscribers": [seen],
        "tracing_provider": Tracer(),
    }
    result = evaluate(**keywords)
    assert result.progress == t.ProgressSnapshot(total_cases=2, completed_cases=2, failed_cases=0)
    snapshot = t.get_run_snapshot(store, result.run_id)
    assert (snapshot.datasets[0].dataset_id, snapshot.datasets[0].revision) == ("inline", "inline")
    assert [case.case_id for case in result.cases] == ["case-1", "9"]
    assert snapshot.identity.candidate_policy == {"num_samples": 2}
    assert snapshot.provenance.platform == "unknown"
    assert seen.events
    assert asyncio.run(evaluate_async(**{**keywords, "store": t.InMemoryRunStore()})).run_id == result.run_id


def test_evaluate_stores_in_memory_and_votes_unless_told_otherwise() -> None:
    result = evaluate(model="builtin/demo_generator", data=dataset(1), metric="builtin/exact_match")
    assert result.cases[0].reduced_candidate is not None
    assert result.cases[0].reduced_candidate.candidate_id == "q0-reduced"
    both = evaluate(
        model="builtin/demo_generator", data=[dataset(1, "a"), dataset(1, "b")], metric="builtin/exact_match"
    )
    assert [case.case_key for case in both.cases] == ["1:a:q0", "1:b:q0"], "the same case id in two datasets"


def test_a_result_is_dumped_with_its_cases_and_read_again(tmp_path: Path) -> None:
    for store in (t.InMemoryRunStore(), t.sqlite_store(tmp_path / "s.sqlite3")):
        result = experiment().run(store=store)
        document = result.model_dump()
        assert [case["case_id"] for case in document["cases"]] == ["q0", "q1", "q2"]
        assert document["cases"][0]["scores"][0]["value"] == 1.0
        assert json.loads(result.model_dump_json()) == store.get_projection(result.run_id, "run_result")
        again = t.RunResult.model_validate(document)
        assert list(again.cases) == list(result.cases)
        assert again.cases[0].case_key == "3:lab:q0"
        store.close()


# --- candidates


def test_candidate_i_uses_seed_i_and_ids_may_repeat() -> None:
    def same_id(case: t.Case, ctx: t.GenerateContext) -> t.GenerationResult:
        return t.GenerationResult(candidate_id="same", final_output=ctx.seed)

    made = experiment(ScriptedGenerator(same_id), samples=3, seeds=[5, 6, 7], metrics=[ScriptedMetric()])
    case = made.run().cases[0]
    assert [candidate.final_output for candidate in case.generated_candidates] == [5, 6, 7]
    assert case.parsed_output == t.ParsedOutput(value=5), (
        "without a reducer the first passes, without a parser the value"
    )
    with pytest.raises(ValueError, match="seeds: there are 2, but 3 candidates"):
        experiment(samples=3, seeds=[1, 2]).compile()


@pytest.mark.parametrize("key", ["num_samples", "pass_k", "best_of", "self_consistency_count"])
def test_the_largest_count_of_a_policy_is_how_many_candidates_there_are(key: str) -> None:
    made = experiment().model_copy(
        update={"generation": t.GenerationConfig(generator="builtin/demo_generator", candidate_policy={key: 3})}
    )
    assert made.estimate().candidate_count == 3


# --- what a run is


def test_where_and_how_a_run_is_carried_out_is_not_in_its_id(tmp_path: Path) -> None:
    plain = experiment().compile().run_id
    for other in (
        {"storage": t.StorageConfig(store="sqlite", parameters={"path": str(tmp_path / "x")})},
        {"runtime": t.RuntimeConfig(max_concurrent_tasks=1)},
        {"themis_version": "0", "python_version": "0", "platform": "0", "git_commit": "0"},
        {"environment_metadata": {"a": "b"}},
    ):
        assert experiment().model_copy(update=other).compile().run_id == plain, other


def test_what_is_asked_and_of_whom_is_in_the_id() -> None:
    ids = [
        made.compile().run_id
        for made in (
            experiment(),
            experiment(datasets=[dataset(2)]),
            experiment(datasets=[dataset(3, "other")]),
            experiment(ScriptedGenerator()),
            experiment(ScriptedGenerator(fingerprint="two")),
            experiment(reducer="builtin/majority_vote"),
            experiment(parser="builtin/text"),
            experiment(metrics=["builtin/f1"]),
            experiment(samples=2),
            experiment(seeds=[1]),
            experiment(prompt=t.PromptSpec(instructions="Answer.")),
            experiment(prompt=t.PromptSpec(blocks=[{"title": "T", "a": 1}])),
        )
    ]
    assert len(set(ids)) == len(ids)


def test_the_same_cases_are_the_same_run_listed_or_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(case.model_dump_json() + "\n" for case in cases(3)), encoding="utf-8")
    listed, in_a_file = t.Dataset(dataset_id="lab", cases=cases(3)), t.dataset_from_jsonl(path, dataset_id="lab")
    assert experiment(datasets=[in_a_file]).compile().run_id == experiment(datasets=[listed]).compile().run_id


# --- existing runs


def test_a_completed_run_is_returned_refused_or_made_again_by_the_policy() -> None:
    generator, store = ScriptedGenerator(), t.InMemoryRunStore()

    def run(policy: Any) -> t.RunResult:
        return experiment(generator, runtime=t.RuntimeConfig(existing_run_policy=policy)).run(store=store)

    run("auto")
    run("auto")
    assert len(generator.calls) == 3
    with pytest.raises(RunExistsError) as caught:
        run("error")
    assert isinstance(caught.value, ValueError)
    run("rerun")
    assert len(generator.calls) == 6


@pytest.mark.parametrize("metrics", [["builtin/exact_match"], []], ids=["scored", "without metrics"])
def test_a_completed_run_is_not_begun_again(metrics: list[str]) -> None:
    store, seen = t.InMemoryRunStore(), Listener()
    first = experiment(metrics=metrics).run(store=store)
    assert experiment(metrics=metrics).run(store=store, subscribers=[seen]) == first
    assert seen.events == []


def test_what_failed_of_a_run_is_tried_again_and_the_rest_is_kept() -> None:
    broken = {"q1"}
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if case.case_id in broken else case.input)
    store = t.InMemoryRunStore()
    assert experiment(generator).run(store=store).status is t.RunStatus.PARTIAL_FAILURE
    broken.clear()
    generator.calls.clear()
    assert experiment(generator).run(store=store).status is t.RunStatus.COMPLETED
    assert [case_id for case_id, _ in generator.calls] == ["q1"]
