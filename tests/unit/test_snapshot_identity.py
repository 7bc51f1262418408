"""What decides a run's id, and what does not."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, cases, experiment
from themis.core.config import (
    DatasetFile,
    EvaluationConfig,
    GenerationConfig,
    RuntimeConfig,
    StorageConfig,
)
from themis.core.dataset_config import DatasetGiven
from themis.core.engine.compiling.compiled import recompile
from themis.core.errors import ConfigError, FingerprintChangedError
from themis.core.experiment import Experiment
from themis.core.identity.derived_seeds import with_derived_seeds
from themis.core.identity.reuse_keys import reuse_keys
from themis.core.models import Case, Dataset
from themis.core.prompts import BLOCK_RENDERING, PromptSpec
from themis.core.snapshot import RunSnapshot

ROOT = Path(__file__).parents[2]
CASES = [
    Case(case_id="a", input={"q": "één", "n": [1, 2.5]}, expected_output="x", metadata={"level": "1"}),
    Case(case_id="b", input=None, expected_output=["y", None]),
]


class TunedGenerator:
    """A generator whose arguments are in its fingerprint."""

    component_id = "test/tuned_generator"
    version = "1"

    def __init__(self, temperature: float = 0.0) -> None:
        """With a temperature."""
        self._temperature = temperature

    def fingerprint(self) -> str:
        """The temperature."""
        return f"temperature {self._temperature}"

    async def generate(self, case: Case, ctx: Any) -> Any:
        """Never called."""
        raise NotImplementedError


TUNED = f"{__name__}:TunedGenerator"


def _experiment(
    generation: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    data: list[DatasetGiven] | None = None,
    **changes: Any,
) -> Experiment:
    made: dict[str, Any] = {"storage": StorageConfig(store="memory"), **changes}
    return Experiment(
        generation=GenerationConfig(**({"generator": TUNED} | (generation or {}))),
        evaluation=EvaluationConfig(
            **({"metrics": ["builtin/exact_match"], "parsers": ["builtin/text"]} | (evaluation or {}))
        ),
        datasets=_data() if data is None else data,
        **made,
    )


def _data(**changes: Any) -> list[DatasetGiven]:
    return [Dataset(**({"dataset_id": "d", "cases": CASES} | changes))]


def _with_first_case(**changes: Any) -> list[DatasetGiven]:
    return _data(cases=[CASES[0].model_copy(update=changes), CASES[1]])


PLAIN = _experiment().compile().run_id

CHANGES: dict[str, dict[str, Any]] = {
    "a case's id": {"data": _with_first_case(case_id="c")},
    "a case's input": {"data": _with_first_case(input={"q": "een", "n": [1, 2.5]})},
    "a case's expected output": {"data": _with_first_case(expected_output="z")},
    "a case's metadata": {"data": _with_first_case(metadata={"level": "2"})},
    "the cases' order": {"data": _data(cases=CASES[::-1])},
    "the cases' number": {"data": _data(cases=CASES[:1])},
    "the dataset's id": {"data": _data(dataset_id="e")},
    "the dataset's revision": {"data": _data(revision="2")},
    "the dataset's labels": {"data": _data(metadata={"source": "lab"})},
    "another dataset": {"data": [*_data(), *_data(dataset_id="e")]},
    "the generator's arguments": {"generation": {"generator": {"use": TUNED, "with": {"temperature": 0.5}}}},
    "the generator": {"generation": {"generator": "builtin/demo_generator"}},
    "the reducer": {"generation": {"reducer": "builtin/majority_vote"}},
    "the parser": {"evaluation": {"parsers": ["builtin/json_identity"]}},
    "no parser": {"evaluation": {"parsers": []}},
    "the metric": {"evaluation": {"metrics": ["builtin/f1"]}},
    "another metric": {"evaluation": {"metrics": ["builtin/exact_match", "builtin/f1"]}},
    "the candidate policy": {"generation": {"candidate_policy": {"num_samples": 2}}},
    "a free key of the policy": {"generation": {"candidate_policy": {"temperature": 1}}},
    "the generation's prompt": {"generation": {"prompt_spec": PromptSpec(instructions="Answer.")}},
    "the evaluation's prompt": {"evaluation": {"prompt_spec": PromptSpec(instructions="Answer.")}},
    "the judge's configuration": {"evaluation": {"judge_config": {"repeats": 2}}},
    "the workflow's overrides": {"evaluation": {"workflow_overrides": {"rubric": "strict"}}},
    "the seeds": {"seeds": [7]},
}

SAME: dict[str, dict[str, Any]] = {
    "storage": {"storage": StorageConfig(store="sqlite", parameters={"path": "/elsewhere/x.sqlite3"})},
    "runtime": {
        "runtime": RuntimeConfig(
            max_concurrent_tasks=1,
            existing_run_policy="rerun",
            queue_root="/q",
            batch_root="/b",
            timeout_s=3,
            max_attempts=9,
        )
    },
    "environment metadata": {"environment_metadata": {"who": "me"}},
    "provider metadata": {"provider_metadata": {"region": "eu"}},
    "the machine": {"platform": "other", "python_version": "9", "git_commit": "f" * 40, "dependency_versions": {}},
    "Themis's version": {"themis_version": "9.9.9"},
    "that a component is given no arguments": {"generation": {"generator": {"use": TUNED, "with": {}}}},
    "that a component is live": {"generation": {"generator": TunedGenerator()}},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_a_run_does_decides_its_id(changed: str) -> None:
    assert _experiment(**CHANGES[changed]).compile().run_id != PLAIN


def test_every_change_gives_another_id() -> None:
    assert len({_experiment(**change).compile().run_id for change in CHANGES.values()}) == len(CHANGES)


@pytest.mark.parametrize("changed", SAME)
def test_where_and_how_a_run_is_carried_out_does_not_decide_its_id(changed: str) -> None:
    assert _experiment(**SAME[changed]).compile().run_id == PLAIN


CONFIG = """\
generation: {generator: builtin/demo_generator, candidate_policy: {num_samples: 2, b: 1, a: [1, 2.5]}}
evaluation: {metrics: [builtin/exact_match], judge_config: {z: 1, y: {x: é}}}
datasets: [{dataset_id: d, cases: [{case_id: a, input: {q: é, p: 1}}]}]
seeds: [3, 4]
"""


@pytest.mark.slow
def test_every_process_gives_the_same_id(tmp_path: Path) -> None:
    script = "import sys; from themis import Experiment; print(Experiment.from_config(sys.argv[1]).compile().run_id)"
    ids = set()
    for number, hash_seed in enumerate(("1", "2")):
        file = tmp_path / str(number) / "experiment.yaml"
        file.parent.mkdir()
        file.write_text(CONFIG, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", script, str(file)],
            capture_output=True,
            text=True,
            check=True,
            cwd=file.parent,
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        )
        ids.add(done.stdout.strip())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "path", [*sys.path])
        ids.add(Experiment.from_config(file).compile().run_id)
    assert len(ids) == 1
    assert len(ids.pop()) == 64


@pytest.mark.parametrize("spaced", [False, True])
def test_listed_cases_and_cases_from_a_file_give_the_same_id(tmp_path: Path, spaced: bool) -> None:
    file = tmp_path / ("spaced.jsonl" if spaced else "cases.jsonl")
    end = " \n\n" if spaced else "\n"
    file.write_text("".join(case.model_dump_json() + end for case in CASES), encoding="utf-8")
    snapshot = _experiment(data=[DatasetFile(dataset_id="d", path=str(file))]).compile()
    assert snapshot.run_id == PLAIN
    assert snapshot.datasets[0].cases is None
    assert snapshot.total_cases == 2


def _as_of_4_0(snapshot: RunSnapshot) -> RunSnapshot:
    """The snapshot that version 4.0 would have made."""
    return snapshot.model_copy(update={"identity": snapshot.identity.model_copy(update={"block_rendering": 1})})


def test_how_blocks_are_written_decides_the_run_and_what_is_taken_over() -> None:
    now = experiment(prompt=PromptSpec(blocks=[{"title": "T", "a": 1}])).compile()
    before = _as_of_4_0(now)
    assert now.identity.block_rendering == BLOCK_RENDERING
    # `run_id` is worked out once, and a copy has it: what was written and is read again has its own.
    document = before.model_dump(mode="json", exclude={"run_id"})
    assert RunSnapshot.model_validate(document).run_id != now.run_id
    assert not set(reuse_keys(before).values()) & set(reuse_keys(now).values())
    assert [with_derived_seeds(before).seeds(0)] != [now.seeds(0)]


@pytest.mark.parametrize("prompt", [None, PromptSpec(), PromptSpec(instructions="Answer.", suffix="S")])
def test_a_prompt_without_blocks_is_written_as_it_ever_was(prompt: PromptSpec | None) -> None:
    identity = experiment(prompt=prompt).compile().identity
    assert "block_rendering" not in identity.model_dump()
    assert recompile(experiment(prompt=prompt).compile()).snapshot.identity == identity


def test_a_stored_run_whose_blocks_would_be_written_in_another_way_is_refused() -> None:
    snapshot = experiment(prompt=PromptSpec(blocks=[{"title": "T", "a": 1}])).compile()
    assert recompile(snapshot).snapshot.identity == snapshot.identity
    with pytest.raises(
        FingerprintChangedError,
        match=r"prompt_spec: the prompt has changed .* \(its blocks are rendered by version 2, expected 1\)",
    ):
        recompile(_as_of_4_0(snapshot))


def test_a_snapshot_that_was_written_and_read_is_the_same_run() -> None:
    snapshot = _experiment(seeds=[7]).compile()
    again = type(snapshot).model_validate(snapshot.model_dump(exclude={"run_id"}))
    assert again.run_id == snapshot.run_id
    assert again == snapshot


@pytest.mark.parametrize("role", ["generator", "parser", "metric"])
def test_a_component_that_changes_after_compiling_is_noticed_before_the_run(role: str) -> None:
    parts: dict[str, Any] = {
        "generator": ScriptedGenerator(),
        "parser": ScriptedParser(lambda value: value, component_id="lab/parser"),
        "metric": ScriptedMetric(),
    }
    made = experiment(parts["generator"], parser=parts["parser"], metrics=[parts["metric"]])
    made.compile()
    parts[role]._fingerprint = "two"
    with pytest.raises(FingerprintChangedError, match=f"{parts[role].component_id} has changed since the run"):
        made.run()
    assert parts["generator"].calls == []


@pytest.mark.parametrize(
    ("policy", "seeds", "count"),
    [
        ({}, [1, 2], 1),
        ({"num_samples": 3}, [1], 3),
        ({"num_samples": 2, "pass_k": 4}, [1, 2], 4),
        ({"best_of": 2}, [1, 2, 3], 2),
        ({"self_consistency_count": 5}, [1], 5),
    ],
)
def test_seeds_must_be_one_for_each_candidate(policy: dict[str, Any], seeds: list[int], count: int) -> None:
    with pytest.raises(ConfigError, match=f"there are {len(seeds)}, but {count} candidates per case"):
        _experiment({"candidate_policy": policy}, seeds=seeds).compile()
    assert _experiment({"candidate_policy": policy}, seeds=list(range(count))).compile().candidate_count == count
    assert _experiment({"candidate_policy": policy}).compile().candidate_count == count


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True, [1]])
def test_a_count_of_candidates_must_be_a_whole_number(count: Any) -> None:
    with pytest.raises(ConfigError, match=r"generation\.candidate_policy\.num_samples must be a whole number"):
        _experiment({"candidate_policy": {"num_samples": count}}).compile()


def test_each_candidate_is_given_its_seed() -> None:
    given, derived = ScriptedGenerator(), ScriptedGenerator()
    data = [Dataset(dataset_id="d", cases=cases(1))]
    experiment(given, samples=2, seeds=[11, 12], datasets=data).run()
    assert sorted(given.calls) == [("q0", 11), ("q0", 12)]
    for _ in range(2):
        experiment(derived, samples=2, datasets=data).run()
    assert len(derived.calls) == 4
    assert len(set(derived.calls)) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "there is no case to run"),
        (_data(cases=[]), "there is no case to run"),
        ([*_data(), *_data(revision="2")], "id 'd' is used twice"),
    ],
)
def test_datasets_that_are_no_run_are_refused(data: list[DatasetGiven], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        _experiment(data=data).compile()
