"""CONFIG as an argument, and several of them to submit."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.model_module import model_module
from themis.core.errors import InvalidArgumentError
from themis.core.experiment import Experiment
from themis.core.submission import submit_experiment

Themis = Any
"""The fixture's class: see conftest."""

ANSWERS = model_module("""
    return GenerationResult(candidate_id=case.case_id, final_output=case.input)
""")


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["submit"],
        ["estimate"],
        ["config", "validate"],
        ["config", "show"],
        ["prompt", "show"],
        ["model", "check", "--json"],
    ],
    ids=" ".join,
)
def test_a_config_file_may_stand_alone_or_behind_its_option(words: list[str], themis: Themis) -> None:
    alone = themis(*words, "experiment.yaml")
    assert alone.code == 0, alone.err
    if words != ["model", "check", "--json"]:  # which measures how long it took
        assert themis(*words, "--config", "experiment.yaml").out == alone.out


def test_a_stored_run_is_continued_and_replayed_by_its_config_file_alone(themis: Themis) -> None:
    run = themis("run", "experiment.yaml", "-q").document
    assert themis("resume", "experiment.yaml").document == run
    assert themis("replay", "experiment.yaml", "--stage", "score").document["metric_means"] == run["metric_means"]


def test_the_changes_of_its_keys_belong_to_it(themis: Themis) -> None:
    shown = themis("config", "show", "experiment.yaml", "--set", "seeds=[7]").document
    assert shown["seeds"] == [7]


def test_what_is_no_config_file_is_told_what_one_ends_in(themis: Themis) -> None:
    themis("run", "experiment.yaml", "--name", "first")
    done = themis("run", "first")
    assert (done.code, done.out) == (2, "")
    assert "a config file ends in .yaml, .yml or .toml" in done.err


def seeded(themis: Themis, *seeds: int) -> list[Path]:
    """Configs that differ in their seed."""
    return [themis.write(f"seed-{seed}.yaml", {**themis.experiment, "seeds": [seed]}) for seed in seeds]


def test_several_are_submitted_each_with_a_line_of_its_own(themis: Themis) -> None:
    done = themis("submit", *seeded(themis, 1, 2), "--config", "experiment.yaml", "--label", "sweep=seeds")
    assert done.code == 0, done.err
    found = [json.loads(line) for line in done.out.splitlines()]
    assert len({one["run_id"] for one in found}) == 3
    assert {one["mode"] for one in found} == {"worker_pool"}
    listed = themis("list", "--label", "sweep=seeds", "--json").document
    assert {row["run_id"] for row in listed} == {one["run_id"] for one in found}
    assert themis("queue", "list", "--json").document["counts"]["queued"] == 3


def test_one_file_that_is_named_twice_is_submitted_once(themis: Themis) -> None:
    done = themis("submit", "experiment.yaml", "experiment.yaml")
    assert done.out.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"evaluation": {"metrics": ["builtin/exact_mtch"]}}, 'did you mean "builtin/exact_match"?'),
        ({"storage": {"store": "memory"}}, "'memory' cannot be reached by a worker in another process"),
        ({"datasets": [{"dataset_id": "d", "cases": []}]}, "there is no case"),
        ({"runtime": {"tags": ["Not A Tag"]}}, "is not a tag"),
    ],
)
def test_a_mistake_in_one_is_found_before_any_is_submitted_and_its_file_is_named(
    change: dict[str, Any], said: str, themis: Themis
) -> None:
    bad = themis.write("bad.yaml", {**themis.experiment, **change})
    done = themis("submit", *seeded(themis, 1), bad, "experiment.yaml")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "bad.yaml" in done.err
    assert said in done.err
    assert not Path("runs").exists()


def test_one_name_does_not_name_several_runs(themis: Themis) -> None:
    done = themis("submit", *seeded(themis, 1, 2), "--name", "twins")
    assert (done.code, done.out) == (2, "")
    assert "would name all their runs" in done.err
    assert themis("submit", "experiment.yaml", "--name", "alone").code == 0


def test_folders_that_have_a_module_of_the_same_name_are_submitted_by_themselves(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "twin_model", raising=False)
    files = []
    for name in ("one", "other"):
        Path(name).mkdir()
        Path(name, "twin_model.py").write_text(ANSWERS, encoding="utf-8")
        document = {**themis.experiment, "generation": {"generator": "twin_model:Model"}}
        files.append(Path(name, "experiment.yaml"))
        files[-1].write_text(yaml.safe_dump(document), encoding="utf-8")
    done = themis("submit", *files)
    assert (done.code, done.out) == (2, "")
    assert "both have a module 'twin_model', and one process can import only one of them" in done.err
    assert themis("submit", files[0]).code == 0
    monkeypatch.delitem(sys.modules, "twin_model", raising=False)


@pytest.mark.parametrize("mode", ["worker-pool", "worker_pool"])
def test_both_spellings_of_a_mode_are_understood(mode: Any, themis: Themis) -> None:
    assert themis("submit", "experiment.yaml", "--mode", mode).document["mode"] == "worker_pool"
    manifest = submit_experiment(Experiment.from_config("experiment.yaml"), mode=mode)
    assert manifest.mode == "worker_pool"


def test_another_mode_is_refused_with_those_that_there_are(themis: Themis) -> None:
    assert (
        "'worker-pol' is not one of 'worker-pool', 'batch'"
        in themis("submit", "experiment.yaml", "--mode", "worker-pol").err
    )
    with pytest.raises(InvalidArgumentError, match="'pool' is neither worker_pool nor batch"):
        submit_experiment(Experiment.from_config("experiment.yaml"), mode="pool")  # type: ignore[arg-type]
