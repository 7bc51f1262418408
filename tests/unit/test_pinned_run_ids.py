"""Ids of ten runs as version 4.0.0 gave them: what it stored is the same run today.

An eleventh run is another one today, as its model is told something else: its prompt has blocks, which are written in
another way since. It is pinned as it is now.

Their components are the test's own, so that a new version of a built-in is no reason to write another id here. There is
no good one: whoever has to change a line breaks the link between every stored run and its experiment.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    cases,
    dataset,
)
from themis.core.config import DatasetFile, EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.models import Case, Dataset
from themis.core.prompts import PromptSpec

ODD = [
    Case(case_id="ä/1", input={"q": "één\n", "n": [1, 2.5, None, True]}, expected_output=["x", None]),
    Case(case_id=" ", input=None, expected_output={"answer": -0.0}, metadata={"level": "1"}),
    Case(case_id="big", input=10**20, expected_output=1e-9),
]


def _parser() -> ScriptedParser:
    return ScriptedParser(lambda output: output, component_id="lab/parser", fingerprint="p ∅")


def _run_id(generation: dict[str, Any] | None = None, evaluation: dict[str, Any] | None = None, **more: Any) -> str:
    made: dict[str, Any] = {"storage": StorageConfig(store="memory"), "datasets": [dataset()], **more}
    return (
        Experiment(
            generation=GenerationConfig(**({"generator": ScriptedGenerator()} | (generation or {}))),
            evaluation=EvaluationConfig(**({"metrics": [ScriptedMetric()]} | (evaluation or {}))),
            **made,
        )
        .compile()
        .run_id
    )


def _plain(_: Path) -> str:
    return _run_id()


def _without_metrics(_: Path) -> str:
    return _run_id(evaluation={"metrics": []})


def _every_role(_: Path) -> str:
    return _run_id(
        {
            "selector": ScriptedSelector(lambda found: found, component_id="lab/selector"),
            "reducer": ScriptedReducer(lambda found: found[0], component_id="lab/reducer"),
            "candidate_policy": {"num_samples": 3, "best_of": 2, "temperature": 0.5, "note": {"a": [1, "ü"]}},
        },
        {"parsers": [_parser()], "metrics": [ScriptedMetric(), ScriptedMetric(component_id="lab/second")]},
    )


def _given_seeds(_: Path) -> str:
    return _run_id({"candidate_policy": {"pass_k": 2}}, seeds=[0, 2**40])


def _both_prompts(_: Path) -> str:
    prompt = PromptSpec(instructions="Antworte.", prefix="P", suffix="S")
    return _run_id({"prompt_spec": prompt}, {"prompt_spec": PromptSpec()})


def _blocks(_: Path) -> str:
    prompt = PromptSpec(instructions="Antworte.", prefix="P", suffix="S", blocks=[{"title": "T", "q": 1}, {}])
    return _run_id({"prompt_spec": prompt}, {"prompt_spec": PromptSpec()})


def _what_judges_are_told(_: Path) -> str:
    return _run_id(evaluation={"judge_config": {"repeats": 2}, "workflow_overrides": {"rubric": {"a": ["strict"]}}})


def _odd_cases(_: Path) -> str:
    return _run_id(datasets=[Dataset(dataset_id="ö", revision="2026-01", cases=ODD)])


def _several_datasets(_: Path) -> str:
    return _run_id(datasets=[dataset(2, "b"), dataset(1, "a"), Dataset(dataset_id="empty", cases=[])])


def _cases_of_a_file(folder: Path) -> str:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps({"id": c.case_id, "q": c.input}) + "\n\n" for c in cases(4)), encoding="utf-8")
    fields: Any = {"case_id": "id", "input": "q"}
    return _run_id(datasets=[DatasetFile(dataset_id="lab", path=str(path), fields=fields, revision="r")])


def _a_file(folder: Path) -> str:
    path = folder / "experiment.yaml"
    path.write_text(
        "generation:\n"
        "  generator: {use: 'tests.support.lab:ScriptedGenerator', with: {}}\n"
        "  candidate_policy: {b: 1, a: é}\n"
        "evaluation: {metrics: ['tests.support.lab:ScriptedMetric']}\n"
        "storage: {store: sqlite}\n"
        "runtime: {max_concurrent_tasks: 1}\n"
        "datasets: [{dataset_id: d, cases: [{case_id: a, input: {q: é, p: 1}}]}]\n"
        "environment_metadata: {who: me}\n",
        encoding="utf-8",
    )
    return Experiment.from_config(path).compile().run_id


PINNED = {
    _plain: "6bc26023718c949a2b119316a0e5506a45ccbdbc7a8e02a7677f58c20620baa6",
    _without_metrics: "deae86f74b514cac8c4cbfc003cc058d6709dc28cd53e8b4b6626f80b3dfaf0a",
    _every_role: "dd21f622366c8b476bfb3b7df74c62477f19a9f7878b8732a82b601fdc7bb33b",
    _given_seeds: "e587fe05011aaa7448ef30194378c890f61dd2e9ba7df1c0b74183b10f719c3e",
    _both_prompts: "a7373b055662462e0b14dee080768cbae8bdd240d439bfec2d00f05fd5dca586",
    _what_judges_are_told: "c507e7948dbba517b2c169f23082b8a96bd97079c49ce1b5cf1ab220616a0882",
    _odd_cases: "60d891bf212101aea1cf1c7ce20942a1ae779be3ddcec5580c0ea77c812be5b1",
    _several_datasets: "198ef67af3e23e66fc8292aae823850cc2db35ce30e2b0eec2ba74b4b709419c",
    _cases_of_a_file: "f39ef33b168d6d79ea62d3b754a61fd8862444545cd030c5714fbc9c182262a8",
    _a_file: "be4bc5497d9d89f65b95c83ecdd831426584a7e5462c1a6e1cea5ea9ab9077ee",
}


@pytest.mark.parametrize(("make", "run_id"), PINNED.items(), ids=[make.__name__[1:] for make in PINNED])
def test_a_run_of_version_4_0_0_has_the_id_that_it_had(make: Any, run_id: str, tmp_path: Path) -> None:
    assert make(tmp_path) == run_id


def test_a_run_whose_blocks_are_written_in_another_way_is_another_run(tmp_path: Path) -> None:
    assert _blocks(tmp_path) != "4439b04e4547c368dab3b4af77100dcbbe4c3c280080a3f4f4b8000a09467a68", "that of 4.0.0"
    assert _blocks(tmp_path) == "90be44966f0ade78bc38c0419b5458f16e11ae84383431c52841f8f50e09295a"


def test_where_a_run_is_carried_out_is_not_in_its_id() -> None:
    elsewhere = _run_id(
        storage=StorageConfig(store="sqlite", parameters={"path": "/x"}),
        runtime=RuntimeConfig(max_attempts=9),
        platform="other",
        git_commit=None,
    )
    assert elsewhere == PINNED[_plain]
