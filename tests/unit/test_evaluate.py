"""One call from model, data and metric to a result."""

import asyncio
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, cases, dataset
from themis.core.config import RuntimeConfig, StorageConfig
from themis.core.errors import (
    ConfigError,
    DuplicateCaseIdError,
    InvalidArgumentError,
    RunningLoopError,
    ThemisError,
    UnknownComponentError,
    WrongComponentKindError,
)
from themis.core.evaluate import evaluate, evaluate_async
from themis.core.models import Case
from themis.core.stores import InMemoryRunStore, sqlite_store

DATA = [{"input": "2 + 2", "expected_output": "4"}, {"input": "3 + 3", "expected_output": "6"}]


def run(**facts: Any) -> Any:
    plain: dict[str, Any] = {"model": "builtin/demo_generator", "data": DATA, "metric": "builtin/exact_match"}
    return evaluate(**{**plain, **facts})


def test_mappings_become_the_dataset_inline() -> None:
    store = InMemoryRunStore()
    result = run(store=store)
    assert (result.status, result.progress.completed_cases) == ("completed", 2)
    assert [case.case_key for case in result.cases] == ["6:inline:case-1", "6:inline:case-2"]
    snapshot = store.load_snapshot(result.run_id)
    assert snapshot is not None
    assert (snapshot.datasets[0].dataset_id, snapshot.datasets[0].revision) == ("inline", "inline")


def test_the_same_call_is_the_same_run_and_its_policy_counts_its_samples() -> None:
    store = InMemoryRunStore()
    first, second = run(store=store), run(store=store)
    assert first == second
    snapshot = store.load_snapshot(first.run_id)
    assert snapshot is not None
    assert snapshot.identity.candidate_policy == {"num_samples": 1}
    assert snapshot.component_refs.reducer is not None
    assert snapshot.component_refs.reducer.component_id == "builtin/majority_vote"


def test_the_task_may_be_the_log_likelihoods_of_choices() -> None:
    question = {"question": "2 + 2", "choices": ["3", "4"]}
    store = InMemoryRunStore()
    data = [{"input": question, "expected_output": "B"}]
    result = run(data=data, metric="builtin/acc", task="continuations", continuation=": {{ choice }}", store=store)
    (case,) = result.cases
    assert [score.value for score in case.scores] == [1.0]
    assert [one.text for one in case.generated_candidates[0].continuations or []] == [": 3", ": 4"]
    snapshot = store.load_snapshot(result.run_id)
    assert snapshot is not None
    assert snapshot.component_refs.reducer is None


def test_a_template_of_continuations_is_for_that_task() -> None:
    with pytest.raises(ConfigError, match="`continuation` is for `task: continuations`"):
        run(continuation=" {{ choice }}")


def test_a_mapping_may_say_everything_that_a_case_has() -> None:
    data = [{"case_id": "mine", "input": {"q": 1}, "expected_output": {"q": 1}, "metadata": {"level": "easy"}}]
    result = run(data=data)
    assert result.cases[0].case_id == "mine"
    assert result.cases[0].scores[0].value == 1.0


def test_ids_and_labels_may_be_numbers() -> None:
    store = InMemoryRunStore()
    data = [{"case_id": 7, "input": "x", "expected_output": "x", "metadata": {"level": 3, "weight": 0.5}}]
    result = run(data=data, environment_metadata={"gpus": 8}, store=store)
    assert result.cases[0].case_id == "7"
    snapshot = store.load_snapshot(result.run_id)
    assert snapshot is not None
    assert snapshot.datasets[0].cases is not None
    assert snapshot.datasets[0].cases[0].metadata == {"level": "3", "weight": "0.5"}
    assert snapshot.provenance.environment_metadata == {"gpus": "8"}


def test_what_is_said_of_the_machine_may_be_given_and_decides_nothing() -> None:
    store = InMemoryRunStore()
    result = run(themis_version="4.0.0", python_version="3.12", platform="unknown", store=store)
    snapshot = store.load_snapshot(result.run_id)
    assert snapshot is not None
    found = snapshot.provenance
    assert (found.themis_version, found.python_version, found.platform) == ("4.0.0", "3.12", "unknown")
    assert run().run_id == result.run_id


@pytest.mark.parametrize(
    "data",
    [dataset(3), [dataset(3)], cases(3), (*DATA, {"input": "x", "expected_output": "x"})],
    ids=["dataset", "datasets", "cases", "tuple"],
)
def test_data_comes_in_many_shapes(data: Any) -> None:
    assert run(data=data).progress.completed_cases == 3


def test_several_datasets_are_one_run() -> None:
    result = run(data=[dataset(2, "a"), dataset(3, "b")])
    assert [case.dataset_id for case in result.cases] == ["a"] * 2 + ["b"] * 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("cases.jsonl", "of themis.core.dataset_inputs, reads a file"),
        (Path("cases.jsonl"), "of themis.core.dataset_inputs, reads a file"),
        ({"input": "x"}, "data: must be a Dataset, datasets, or mappings"),
        (None, "data: must be a Dataset, datasets, or mappings"),
        (3, "data: must be a Dataset, datasets, or mappings"),
        ([], "datasets: there is no case to run"),
        (["x"], "dataset 'inline', case 1: must be a Case or a mapping with `input`, not a str"),
        (
            [*DATA, {"question": "x"}],
            "dataset 'inline', case 3: unknown key 'question'; known are case_id, expected_output, input, metadata",
        ),
        (
            [{"input": "x", "expected": "y"}],
            "dataset 'inline', case 1: unknown key 'expected'; did you mean \"expected_output\"",
        ),
        ([{"expected_output": "x"}], "dataset 'inline', case 1: input: is missing"),
        ([{"input": float("nan")}], "dataset 'inline', case 1: input: nan is not a number"),
        ([{"input": {1: 2}}], "dataset 'inline', case 1: input: key 1 is not a text"),
        ([{"input": object()}], "dataset 'inline', case 1: input: a object is not JSON"),
        ([{"input": "x", "metadata": {"a": None}}], "dataset 'inline', case 1: metadata.a: "),
        ([{"input": "x", "case_id": ""}], "dataset 'inline', case 1: case_id: "),
        ([{"input": "half \ud83d"}], "holds a lone surrogate"),
        ([dataset(1), {"input": "x"}], "dataset 'inline', case 1: must be a Case or a mapping"),
        ([dataset(1), dataset(2)], "datasets: id 'lab' is used twice"),
        (pa.table({"input": ["x"]}), r"data: is a pyarrow Table; give its rows, as in data.to_pylist\(\)"),
    ],
    ids=range(19),
)
def test_data_that_does_not_fit_is_refused_in_one_line(data: Any, words: str) -> None:
    with pytest.raises(ThemisError, match=words) as caught:
        run(data=data)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        [{"input": 1, "case_id": "a"}, {"input": 2, "case_id": "a"}],
        [{"input": 1, "case_id": "case-2"}, {"input": 2}],
    ],
    ids=["said", "made up"],
)
def test_an_id_that_stands_twice_is_refused(data: Any) -> None:
    with pytest.raises(DuplicateCaseIdError, match="is used twice"):
        run(data=data)


def test_samples_seeds_reducer_and_parser_are_the_experiments() -> None:
    generator = ScriptedGenerator(lambda case, ctx: str(ctx.seed))
    parser = ScriptedParser(lambda output: f"parsed {output}", component_id="lab/parser")
    result = run(model=generator, samples=3, seeds=[5, 6, 5], parser=parser, metric=ScriptedMetric())
    case = result.cases[0]
    assert [candidate.final_output for candidate in case.generated_candidates] == ["5", "6", "5"]
    assert case.reduced_candidate.final_output == "5"
    assert case.parsed_output.value == "parsed 5"


def test_several_metrics_give_several_scores() -> None:
    result = run(metric=["builtin/exact_match", ScriptedMetric()])
    assert [score.metric_id for score in result.cases[0].scores] == ["builtin/exact_match", "lab/metric"]


@pytest.mark.parametrize(
    ("facts", "error", "words"),
    [
        ({"model": "builtin/demo_generater"}, UnknownComponentError, 'did you mean "builtin/demo_generator"'),
        ({"model": None}, ConfigError, "generator: a component is"),
        ({"model": ScriptedMetric()}, WrongComponentKindError, "is not a generator: it has no generate"),
        ({"metric": ScriptedGenerator()}, WrongComponentKindError, "is not a metric: it has no score"),
        ({"parser": ["builtin/text", "builtin/text"]}, ConfigError, "parsers: "),
        ({"judge": "builtin/text"}, WrongComponentKindError, "is not a judge: it has no judge"),
        ({"samples": 0}, ConfigError, "num_samples must be a whole number of at least 1"),
        ({"samples": 2, "seeds": [1]}, ConfigError, "there are 1, but 2 candidates per case"),
        (
            {"storage": StorageConfig(store="mongodb")},
            ConfigError,
            "no store 'mongodb'; known are memory, postgres, sqlite",
        ),
        ({"metric": ["builtin/f1", "builtin/f1"]}, ConfigError, "'builtin/f1' is listed twice"),
    ],
    ids=range(10),
)
def test_an_argument_that_does_not_fit_is_refused(facts: dict[str, Any], error: type[ThemisError], words: str) -> None:
    with pytest.raises(error, match=words):
        run(**facts)


def test_results_go_where_the_storage_says(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    result = run(storage=StorageConfig(store="sqlite", parameters={"path": str(path)}))
    store = sqlite_store(path)
    assert store.load_run(result.run_id) is not None
    store.close()


def test_the_runtime_is_the_callers() -> None:
    store = InMemoryRunStore()
    run(store=store)
    with pytest.raises(ThemisError, match="exists already"):
        run(store=store, runtime=RuntimeConfig(existing_run_policy="error"))


def test_the_blocking_form_refuses_a_running_loop_and_names_the_other() -> None:
    async def program() -> None:
        run()

    with pytest.raises(RunningLoopError, match=r"evaluate\(\) cannot run .* await evaluate_async\(\) instead"):
        asyncio.run(program())


def test_the_asynchronous_form_gives_the_same() -> None:
    async def program() -> Any:
        return await evaluate_async(model="builtin/demo_generator", data=DATA, metric="builtin/exact_match")

    assert asyncio.run(program()) == run()


def test_model_data_and_metric_may_be_given_in_this_order() -> None:
    assert evaluate("builtin/demo_generator", DATA, "builtin/exact_match") == run()
    assert asyncio.run(evaluate_async("builtin/demo_generator", DATA, "builtin/exact_match")) == run()


@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        ((), {"modell": "x", "data": DATA}, "evaluate() has no argument 'modell'; did you mean \"model\"?"),
        ((), {"sample": 3}, "evaluate() has no argument 'sample'; did you mean \"samples\"?"),
        ((), {"quite_another": 3}, "evaluate() has no argument 'quite_another'"),
        (("x",), {}, "evaluate() missing a required argument: 'data'"),
        (("x", DATA, "y", "z"), {}, "evaluate() too many positional arguments"),
        (("x", DATA, "y"), {"model": "x"}, "evaluate() multiple values for argument 'model'"),
    ],
    ids=range(6),
)
def test_a_call_that_does_not_fit_names_the_function_that_was_called(
    arguments: tuple[Any, ...], keywords: dict[str, Any], words: str
) -> None:
    with pytest.raises(TypeError) as caught:
        evaluate(*arguments, **keywords)
    assert str(caught.value) == words


@pytest.mark.parametrize("function", [evaluate, lambda **facts: asyncio.run(evaluate_async(**facts))])
def test_a_wrong_value_is_one_of_the_function_that_was_called(function: Any) -> None:
    name = "evaluate" if function is evaluate else "evaluate_async"
    with pytest.raises(ConfigError, match=f"^{name}: parsers: "):
        function(model="builtin/demo_generator", data=DATA, metric=[], parser=["builtin/text", "builtin/text"])


def test_both_forms_are_documented_and_named_for_what_they_are() -> None:
    assert evaluate.__name__ == evaluate.__qualname__ == "evaluate"
    assert evaluate.__doc__ == evaluate_async.__doc__


def test_a_case_may_be_given_as_it_is() -> None:
    given = Case(case_id="c", input="x", expected_output="x")
    assert run(data=[given]).cases[0].case_id == "c"


def test_an_unfitting_argument_is_an_invalid_one() -> None:
    with pytest.raises(InvalidArgumentError):
        run(data=3)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"store": "runs.db"}, "store: must be a store, not a path; write store=sqlite_store('runs.db')"),
        ({"storage": Path("runs.db")}, "storage: must be a store, not a path; write store=sqlite_store('runs.db')"),
        ({"seeds": 7}, "seeds: must be a list, not 7; write [7]"),
    ],
)
def test_a_path_for_a_store_and_a_number_for_seeds_are_answered_with_what_to_write(
    facts: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        evaluate("builtin/demo_generator", [{"input": "x"}], "builtin/exact_match", **facts)
    assert str(refused.value) == said
