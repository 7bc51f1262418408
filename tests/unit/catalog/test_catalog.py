"""Names of the catalog, its variants, and the experiments that its recipes make."""

import json
from pathlib import Path
from typing import Any

import pytest

from themis import Experiment, InMemoryRunStore, RunResult
from themis.catalog import (
    get_benchmark,
    list_benchmark_ids,
    list_benchmarks,
    list_component_ids,
    load,
    run,
    validate_benchmark,
)
from themis.catalog.definition import BenchmarkDefinition
from themis.core.config import DatasetFile
from themis.core.errors import (
    BenchmarkNeedError,
    BenchmarkSourceError,
    ConfigError,
    DatasetError,
    InvalidArgumentError,
    UnknownBenchmarkError,
    UnknownVariantError,
    VariantNeededError,
)
from themis.core.models import Score

GSM8K = [
    {"question": "Two boxes of six eggs: how many eggs?", "answer": "2 * 6 = 12\n#### 12"},
    {"question": "Half of nine?", "answer": "9 / 2 = 4.5\n#### 4.5"},
]


def config(folder: Path, datasets: list[dict[str, Any]], **others: Any) -> Path:
    (folder / "gsm8k.jsonl").write_text("".join(json.dumps(row) + "\n" for row in GSM8K), encoding="utf-8")
    document = {
        "generation": {"generator": "builtin/demo_generator"},
        "storage": {"store": "memory"},
        "datasets": datasets,
        **others,
    }
    file = folder / "experiment.yaml"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def values(result: RunResult) -> list[float]:
    return [score.value for case in result.cases for score in case.scores if isinstance(score, Score)]


def test_a_dataset_that_names_a_benchmark_brings_its_prompt_its_parser_and_its_metric(tmp_path: Path) -> None:
    file = config(tmp_path, [{"benchmark": "gsm8k", "path": "gsm8k.jsonl", "slice": {"stop": 1}}])
    experiment = Experiment.from_config(file)
    (dataset,) = experiment.datasets
    assert isinstance(dataset, DatasetFile)
    assert (dataset.dataset_id, dataset.path) == ("gsm8k", str(tmp_path / "gsm8k.jsonl"))
    assert dataset.metadata == {"benchmark": "gsm8k"}
    assert experiment.generation.prompt is not None
    assert experiment.evaluation.parsers == ["builtin/math_answer"]
    result = experiment.run()
    assert values(result) == [1.0]


def test_what_the_file_says_itself_comes_before_the_recipe(tmp_path: Path) -> None:
    mine = {"benchmark": "gsm8k", "path": "gsm8k.jsonl", "dataset_id": "mine", "metadata": {"purpose": "trial"}}
    generation = {"generator": "builtin/demo_generator", "prompt_spec": {"instructions": "Be brief."}}
    evaluation = {"metrics": ["builtin/exact_match"]}
    found = Experiment.from_config(config(tmp_path, [mine], generation=generation, evaluation=evaluation))
    assert found.generation.prompt is None
    assert found.evaluation.metrics == ["builtin/exact_match"]
    assert found.evaluation.parsers == ["builtin/math_answer"]
    assert found.datasets[0].dataset_id == "mine"
    assert found.datasets[0].metadata == {"benchmark": "gsm8k", "purpose": "trial"}


def test_benchmarks_with_one_recipe_share_an_experiment(tmp_path: Path) -> None:
    for name in ("a", "b"):
        row = {"problem_idx": 1, "problem": f"What is the number {name}?", "answer": 7}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    datasets = [{"benchmark": "aime_2025", "path": "a.jsonl"}, {"benchmark": "aime_2026", "path": "b.jsonl"}]
    result = Experiment.from_config(config(tmp_path, datasets)).run()
    assert [case.dataset_id for case in result.cases] == ["aime_2025", "aime_2026"]
    assert values(result) == [1.0, 1.0]


def test_a_benchmark_is_run_by_its_name_with_cases_of_ones_own() -> None:
    benchmark = load("gsm8k")
    assert isinstance(benchmark, BenchmarkDefinition)
    dataset = benchmark.materialize_dataset(lambda _source: GSM8K)
    assert [case.expected_output for case in dataset.cases] == ["12", "4.5"]
    store = InMemoryRunStore()
    result = benchmark.build_experiment(dataset=dataset).run(store=store)
    assert values(result) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"benchmark": "gsm9k"}, "datasets.0: no benchmark 'gsm9k'; did you mean \"gsm8k\"?"),
        ({"benchmark": "arc:challange", "path": "x"}, "arc has no variant 'challange'; did you mean \"challenge\"?"),
        ({"benchmark": "gsm8k:main", "path": "x"}, "gsm8k has no variant 'main'"),
        ({"benchmark": "arc", "path": "x"}, "benchmark arc needs a variant, such as arc:challenge"),
        ({"benchmark": 7}, "no benchmark '7'"),
        ({"benchmark": "../gsm8k"}, "no benchmark '../gsm8k'"),
        (
            {"benchmark": "humaneval", "path": "x"},
            "humaneval needs a sandbox that runs code; builtin/humaneval_pass_rate",
        ),
        ({"benchmark": "simpleqa", "path": "x"}, "simpleqa needs a judge; name the models that judge"),
        ({"benchmark": "healthbench"}, "healthbench needs a judge"),
        ({"benchmark": "procbench"}, "ifujisawa/procbench:train (combined_dataset.jsonl); download it"),
        ({"benchmark": "gsm8k", "pth": "x"}, "datasets.0: unknown key 'pth'; did you mean \"path\"?"),
        ({"benchmark": "gsm8k", "path": "https://example.org/x"}, "datasets.0: path: is a URL; download the file"),
        ({"benchmark": "gsm8k", "path": "x", "sample": 3}, "datasets.0: sample"),
    ],
)
def test_a_benchmark_that_cannot_be_run_is_one_clear_line(tmp_path: Path, dataset: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as failed:
        Experiment.from_config(config(tmp_path, [dataset]))
    assert words in str(failed.value)
    assert str(tmp_path / "experiment.yaml") in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_metric_of_ones_own_replaces_the_one_that_is_missing(tmp_path: Path) -> None:
    row = {"metadata": "own", "problem": "Where is the tower of Pisa?", "answer": "Pisa"}
    (tmp_path / "q.jsonl").write_text(json.dumps(row), encoding="utf-8")
    evaluation = {"metrics": ["builtin/f1"]}
    file = config(tmp_path, [{"benchmark": "simpleqa", "path": "q.jsonl"}], evaluation=evaluation)
    experiment = Experiment.from_config(file)
    assert experiment.compile().total_cases == 1
    assert experiment.evaluation.workflow_overrides == {}, "the rubric is for the judges of the recipe"


def test_a_judged_benchmark_brings_its_rubric(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"metadata": "own", "problem": "?", "answer": "Pisa"}', encoding="utf-8")
    datasets = [{"benchmark": "simpleqa", "path": "q.jsonl"}]
    evaluation = {"judge_models": ["builtin/demo_judge"]}
    found = Experiment.from_config(config(tmp_path, datasets, evaluation=evaluation)).evaluation
    assert found.workflow_overrides == {"rubric": get_benchmark("simpleqa").rubric}
    mine = {**evaluation, "workflow_overrides": {"rubric": "Mine."}}
    found = Experiment.from_config(config(tmp_path, datasets, evaluation=mine)).evaluation
    assert found.workflow_overrides == {"rubric": "Mine."}


def test_benchmarks_whose_recipes_differ_are_no_one_experiment(tmp_path: Path) -> None:
    datasets = [{"benchmark": "gsm8k", "path": "gsm8k.jsonl"}, {"benchmark": "mmlu_pro", "path": "x.jsonl"}]
    with pytest.raises(ConfigError, match="gsm8k and mmlu_pro differ in their prompt; give it yourself, or make an"):
        Experiment.from_config(config(tmp_path, datasets))


PROBLEMS = "".join(
    json.dumps({"question": f"{number} + 1?", "answer": f"#### {number + 1}"}) + "\n" for number in range(9)
)


def test_the_examples_in_a_prompt_may_be_those_of_a_file_and_fewer(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(PROBLEMS, encoding="utf-8")
    dataset = {"benchmark": "gsm8k:5_shot", "path": "gsm8k.jsonl", "examples": "train.jsonl", "few_shot": {"k": 1}}
    experiment = Experiment.from_config(config(tmp_path, [dataset]))
    prompt = experiment.generation.prompt
    assert prompt is not None
    assert prompt.few_shot is not None
    assert (prompt.few_shot.k, prompt.few_shot.seed, prompt.few_shot.split) == (1, 0, None)
    assert prompt.few_shot.path == str(tmp_path / "train.jsonl")
    assert values(experiment.run()) == [1.0, 1.0]


def test_the_choices_in_a_file_of_examples_are_read_as_the_benchmark_has_them(tmp_path: Path) -> None:
    choices = {"text": ["3", "1", "2"], "label": ["1", "2", "3"]}
    rows = [{"id": str(n), "question": f"{n}?", "choices": choices, "answerKey": "2"} for n in range(30)]
    for name, some in (("train", rows[2:]), ("test", rows[:2])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
    dataset = {"benchmark": "arc:challenge_25_shot", "path": "test.jsonl", "examples": "train.jsonl"}
    assert values(Experiment.from_config(config(tmp_path, [dataset])).run()) == [1.0] * 4


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        ([{"benchmark": "gsm8k:5_shot", "path": "gsm8k.jsonl"}], "shows those of the split train: give the file"),
        ([{"benchmark": "gsm8k", "examples": "x.jsonl"}], "its prompt shows none: leave `examples` out"),
        ([{"benchmark": "gsm8k", "few_shot": {"k": 1}}], "its prompt shows none: leave `few_shot` out"),
        (
            [{"benchmark": "gsm8k:5_shot", "few_shot": {"n": 1}}],
            "datasets.0: unknown key 'few_shot.n'; known are as, k, seed",
        ),
        ([{"benchmark": "gsm8k:5_shot", "few_shot": {"k": 0}}], "datasets.0: few_shot.k"),
        (
            [{"benchmark": "mmlu:astronomy"}, {"benchmark": "mmlu:anatomy"}],
            "mmlu:astronomy and mmlu:anatomy show examples of their own sources, and an experiment has one prompt",
        ),
    ],
)
def test_examples_that_a_benchmark_cannot_show_are_one_clear_line(
    tmp_path: Path, datasets: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(ConfigError) as failed:
        Experiment.from_config(config(tmp_path, datasets))
    assert words in str(failed.value)
    assert "\n" not in str(failed.value)


def test_benchmarks_of_one_source_share_its_examples(tmp_path: Path) -> None:
    twice = [
        {"benchmark": "mmlu_pro:5_shot", "dataset_id": name, "filter": {"category": name}} for name in ("law", "math")
    ]
    assert len(Experiment.from_config(config(tmp_path, twice)).datasets) == 2


def test_a_record_of_another_set_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"question": "?", "solution": "#### 1"}\n', encoding="utf-8")
    experiment = Experiment.from_config(config(tmp_path, [{"benchmark": "gsm8k", "path": "x.jsonl"}]))
    with pytest.raises(DatasetError, match=r"x\.jsonl:1.*has no 'answer', which fields\.expected_output names"):
        experiment.compile()


def test_names_are_found_and_near_ones_are_offered() -> None:
    assert "gsm8k" in list_benchmark_ids()
    assert [one.benchmark_id for one in list_benchmarks()] == list_benchmark_ids()
    assert get_benchmark("mmlu:pro").benchmark_id == "mmlu_pro"
    assert get_benchmark("bbh:boolean_expressions").source.config == "boolean_expressions"
    assert get_benchmark("bbh:navigate_3_shot").source.config == "navigate"
    assert get_benchmark("procbench:task07").filter == {"task_name": "task07"}
    with pytest.raises(UnknownBenchmarkError, match="did you mean"):
        load("gsm")
    with pytest.raises(UnknownVariantError, match="did you mean"):
        validate_benchmark("mmlu:astronmy")
    with pytest.raises(VariantNeededError):
        run("bbh")
    with pytest.raises(BenchmarkNeedError, match="needs a judge"):
        run("lpfqa")


def test_cases_that_this_version_cannot_load_are_named_with_where_they_are() -> None:
    with pytest.raises(BenchmarkSourceError, match=r"simple_qa_test_set\.csv; download it") as failed:
        get_benchmark("simpleqa").model_copy(update={"needs": [], "metrics": ["builtin/f1"]}).build_experiment()
    assert failed.value.exit_code == 2
    with pytest.raises(BenchmarkSourceError, match=r"dataset\.jsonl\); download it"):
        get_benchmark("procbench").materialize_dataset()


def test_components_are_listed_by_kind_and_loaded_by_id() -> None:
    assert "builtin/math_answer" in list_component_ids(kind="parser")
    assert "builtin/math_answer" not in list_component_ids(kind="metric")
    assert "builtin/precomputed" in list_component_ids(kind="metric")
    assert "openai" in list_component_ids(kind="generator")
    assert set(list_component_ids(kind="reducer")) == {"builtin/majority_vote"}
    assert load("builtin/exact_match").component_id == "builtin/exact_match"
    assert load("builtin/demo_generator").component_id == "builtin/demo_generator"
    with pytest.raises(InvalidArgumentError, match="no kind 'parsers'; did you mean \"parser\""):
        list_component_ids(kind="parsers")


def test_an_experiment_in_python_that_names_a_benchmark_is_told_how_to_get_one(tmp_path: Path) -> None:
    raw = {"generation": {"generator": "builtin/demo_generator"}, "evaluation": {}, "storage": {"store": "memory"}}
    with pytest.raises(ValueError, match=r"in Python use themis\.catalog\.get_benchmark"):
        Experiment.model_validate({**raw, "datasets": [{"benchmark": "gsm8k"}]})
    with pytest.raises(ConfigError, match="evaluation: must be a mapping"):
        Experiment.from_config(config(tmp_path, [{"benchmark": "gsm8k", "path": "gsm8k.jsonl"}], evaluation=[1]))
