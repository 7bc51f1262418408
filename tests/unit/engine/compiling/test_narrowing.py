"""A part of the data: its first cases, some at random, those with a name; and what a run of all then still asks."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, cases, dataset, experiment
from themis import evaluate
from themis.core.config import DatasetFile
from themis.core.errors import ConfigError, InvalidArgumentError
from themis.core.experiment import Experiment
from themis.core.models import Dataset
from themis.core.stores import InMemoryRunStore, RunStore
from themis.core.values.dataset_selection import SampleConfig, SliceConfig

ALL = 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case.model_dump()) + "\n" for case in cases(ALL)))
    return path


def in_file(file: Path, **selection: Any) -> DatasetFile:
    return DatasetFile.model_validate({"dataset_id": "lab", "path": str(file), **selection})


def ids(made: Experiment) -> list[str]:
    return [case.case_id for source in made.compiled().sources for case in source.cases()]


def asked(generator: ScriptedGenerator) -> list[str]:
    return [case_id for case_id, _ in generator.calls]


@pytest.mark.few(4)
@pytest.mark.parametrize(
    "part",
    [{"limit": 5}, {"sample": 5}, {"sample": (5, 7)}, {"limit": 12, "sample": 5}, {"cases": ["q3", "3:lab:q9"]}],
    ids=str,
)
@pytest.mark.parametrize("samples", [1, 3])
def test_a_run_of_all_asks_only_for_the_rest_with_the_seeds_that_it_would_have_had(
    part: dict[str, Any], samples: int
) -> None:
    def run(store: RunStore, **wanted: Any) -> tuple[str, list[tuple[str, int]]]:
        generator = ScriptedGenerator()
        made = experiment(generator, datasets=[dataset(ALL)], samples=samples, metrics=[ScriptedMetric()])
        result = made.narrowed(**wanted).run(store=store)
        assert (result.status, result.progress.failed_cases) == ("completed", 0)
        return result.run_id, generator.calls

    apart, _ = run(InMemoryRunStore())
    _, of_all = run(InMemoryRunStore())
    store = InMemoryRunStore()
    part_id, first = run(store, **part)
    all_id, rest = run(store)
    assert len({case_id for case_id, _ in first}) == (2 if "cases" in part else 5)
    assert sorted(first + rest) == sorted(of_all), "each case once, with the seed of a run that began with all"
    assert all_id == apart != part_id


@pytest.mark.parametrize("part", [{"limit": 5}, {"sample": 6}, {"sample": (6, 3)}, {"cases": ["q2", "q17"]}], ids=str)
def test_the_same_part_is_the_same_run_whether_its_cases_are_listed_or_in_a_file(
    file: Path, part: dict[str, Any]
) -> None:
    listed, read = experiment(datasets=[dataset(ALL)]), experiment(datasets=[in_file(file)])
    assert ids(listed.narrowed(**part)) == ids(read.narrowed(**part))
    assert listed.narrowed(**part).compile().run_id == read.narrowed(**part).compile().run_id
    assert listed.narrowed(**part).compile().run_id != listed.compile().run_id


def test_the_part_is_written_as_the_selection_of_the_dataset(file: Path) -> None:
    made = experiment(datasets=[in_file(file)])
    limited, sampled = (made.narrowed(**part).datasets[0] for part in ({"limit": 5}, {"sample": (6, 3)}))
    assert isinstance(limited, DatasetFile)
    assert isinstance(sampled, DatasetFile)
    assert (limited.slice, limited.sample) == (SliceConfig(stop=5), None)
    assert (sampled.slice, sampled.sample) == (None, SampleConfig(size=6, seed=3))
    (stored,) = made.narrowed(cases=["q2"]).compile().datasets
    assert stored.selection is not None
    assert stored.selection.case_ids == ["q2"]
    assert "case_ids" not in made.narrowed(limit=5).compile().datasets[0].model_dump_json()


@pytest.mark.parametrize(
    "taken",
    [
        {"slice": {"start": 4, "stop": 16}},
        {"sample": {"size": 12, "seed": 5}},
        {"shuffle": 3, "slice": {"stop": 12}},
        {"slice": {"start": 2}, "sample": {"size": 12}},
    ],
    ids=str,
)
@pytest.mark.parametrize("part", [{"limit": 5}, {"sample": 5}, {"limit": 9, "sample": 5}, {"limit": 1_000}], ids=str)
def test_it_is_a_part_of_what_the_dataset_takes_already(
    file: Path, taken: dict[str, Any], part: dict[str, Any]
) -> None:
    made = experiment(datasets=[in_file(file, **taken)])
    found = ids(made.narrowed(**part))
    assert len(found) == (12 if part == {"limit": 1_000} else 5)
    assert set(found) <= set(ids(made))


def test_a_case_is_looked_for_among_those_that_the_dataset_takes(file: Path) -> None:
    made = experiment(datasets=[in_file(file, slice={"stop": 5})])
    assert ids(made.narrowed(cases=["q4"])) == ["q4"]
    with pytest.raises(ConfigError, match="no case 'q5' in 'lab'"):
        made.narrowed(cases=["q5"]).compile()


def test_each_of_several_datasets_gives_its_part(file: Path) -> None:
    other = Dataset(dataset_id="other", cases=cases(3))
    made = experiment(datasets=[in_file(file), other])
    assert ids(made.narrowed(limit=2)) == ["q0", "q1", "q0", "q1"]
    assert ids(made.narrowed(cases=["q1"])) == ["q1", "q1"]
    assert ids(made.narrowed(cases=["q1", "q9"])) == ["q1", "q9", "q1"]
    only = made.narrowed(cases=["5:other:q1"])
    assert [(found.dataset_id, found.case_count) for found in only.compile().datasets] == [("other", 1)]


@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("wanted", [["nobody"], ["q1", "nobody"], ["3:lab:nobody"]])
def test_a_case_that_is_not_there_is_named(file: Path, wanted: list[str], is_listed: bool) -> None:
    made = experiment(datasets=[dataset(ALL) if is_listed else in_file(file)])
    with pytest.raises(ConfigError, match=r"no case '(3:lab:)?nobody' in 'lab'"):
        made.narrowed(cases=wanted).compile()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"limit": 0}, "limit: is a number of cases, from 1 to 1,000,000, not 0"),
        ({"limit": True}, "limit: is a number"),
        ({"sample": -1}, "sample: is a number"),
        ({"sample": (3, 2**70)}, "sample: "),
        ({"limit": 3, "cases": ["q1"]}, "cases: names the cases; leave out limit and sample"),
    ],
)
def test_a_part_that_is_none_is_refused(part: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        experiment().narrowed(**part)


def test_a_sample_within_a_sample_has_its_seed(file: Path) -> None:
    made = experiment(datasets=[in_file(file, sample={"size": 12, "seed": 5})])
    with pytest.raises(ConfigError, match="'lab' takes a sample with seed 5, and a part of it has this seed"):
        made.narrowed(sample=(3, 6))
    assert len(ids(made.narrowed(sample=(3, 5)))) == 3


def test_the_name_of_its_run_tells_the_part() -> None:
    def name(made: Experiment, store: RunStore) -> str | None:
        return made.run(store=store).name

    plain, named = experiment(datasets=[dataset(ALL)]), experiment(datasets=[dataset(ALL)])
    named = named.model_copy(update={"name": "mine"})
    store = InMemoryRunStore()
    assert name(plain.narrowed(limit=5), store) == "demo_generator-on-lab,limit=5"
    assert name(plain.narrowed(sample=(5, 2)), store) == "demo_generator-on-lab,sample=5-seed=2"
    assert name(plain, store) == "demo_generator-on-lab"
    assert name(named.narrowed(cases=["q7"]), store) == "mine,case=q7"


def test_evaluate_takes_a_limit() -> None:
    generator = ScriptedGenerator()
    result = evaluate(model=generator, data=dataset(ALL), metric=ScriptedMetric(), limit=3)
    assert (result.progress.completed_cases, asked(generator)) == (3, ["q0", "q1", "q2"])
