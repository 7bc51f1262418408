"""Cases of a file that are taken, and their order: filters, slices, shuffles, samples."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from themis.core.datasets import FileSource
from themis.core.datasets.first_reading import read_through
from themis.core.errors import DatasetChangedError, DatasetError
from themis.core.values.dataset_selection import DatasetSelection

COUNT = 50
FIELDS: dict[str, Any] = {"input": "q", "metadata": ["level"]}


@pytest.fixture(params=["c.jsonl", "c.csv"])
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / str(request.param)
    rows = [{"q": f"q{number}", "level": number % 5, "part": "ab"[number % 2]} for number in range(COUNT)]
    if path.suffix == ".csv":
        path.write_text("q,level,part\n" + "".join(f"{row['q']},{row['level']},{row['part']}\n" for row in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def source(file: Path, **selection: Any) -> FileSource:
    return FileSource("d", file, FIELDS, selection=DatasetSelection.model_validate(selection))


def ids(file: Path, **selection: Any) -> list[int]:
    cases = list(source(file, **selection).cases())
    found = [int(case.case_id.removeprefix("case-")) for case in cases]
    assert [case.input for case in cases] == [f"q{number - 1}" for number in found], "an id belongs to its case"
    return found


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"level": 3}, lambda n: n % 5 == 3),
        ({"level": "3"}, lambda n: n % 5 == 3),
        ({"level": [1, 3]}, lambda n: n % 5 in {1, 3}),
        ({"level": {"min": 3}}, lambda n: n % 5 >= 3),
        ({"level": {"min": 1, "max": 2.5}, "part": "a"}, lambda n: n % 5 in {1, 2} and n % 2 == 0),
        ({"part": "c"}, lambda n: False),
    ],
)
def test_a_filter_keeps_what_has_the_wanted_values(file: Path, wanted: dict[str, Any], fits: Any) -> None:
    assert ids(file, filter=wanted) == [number + 1 for number in range(COUNT) if fits(number)]


def test_a_filter_of_a_path_that_is_not_there_names_it(file: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no 'levle', which filter.levle names; did you mean \"level\"\?"):
        ids(file, filter={"levle": 3})
    with pytest.raises(DatasetError, match=r"'a' is not a number, and filter.part is a range"):
        ids(file, filter={"part": {"min": 3}})


def test_a_slice_is_a_stretch_of_what_is_left(file: Path) -> None:
    assert ids(file, slice={"start": 2, "stop": 5}) == [3, 4, 5]
    assert ids(file, slice={"start": 48}) == [49, 50]
    assert ids(file, filter={"level": 0}, slice={"stop": 2}) == [1, 6]


def test_a_shuffle_is_another_order_of_the_same_cases_under_each_seed(file: Path) -> None:
    first, second = ids(file, shuffle=1), ids(file, shuffle=2)
    assert first != second
    assert sorted(first) == sorted(second) == list(range(1, COUNT + 1))
    assert ids(file, shuffle=1) == first
    assert ids(file, shuffle=1, slice={"stop": 7}) == first[:7]


def test_a_sample_is_of_its_size_in_the_order_of_the_file(file: Path) -> None:
    found = ids(file, sample={"size": 10, "seed": 3})
    assert len(found) == 10
    assert found == sorted(found)
    assert found != ids(file, sample={"size": 10, "seed": 4})
    assert ids(file, sample={"size": 1_000}) == list(range(1, COUNT + 1))
    assert set(ids(file, sample={"size": 5, "seed": 3})) < set(found), "a smaller sample is part of a larger one"


def test_every_case_is_sampled_about_as_often_as_another(file: Path) -> None:
    times = [0] * COUNT
    for seed in range(400):
        for number in ids(file, sample={"size": 10, "seed": seed}):
            times[number - 1] += 1
    # 400 draws at 1 in 5: mean 80, standard deviation 8; six of them are not exceeded by chance.
    assert all(32 < count < 128 for count in times)


@pytest.mark.parametrize(
    "selection",
    [{"filter": {"level": 3}}, {"shuffle": 5}, {"sample": {"size": 9}}, {"shuffle": 5, "slice": {"stop": 4}}, {}],
)
def test_what_was_taken_is_found_again_and_a_change_of_it_is_noticed(file: Path, selection: dict[str, Any]) -> None:
    made = source(file, **selection)
    known = read_through(made)
    cases = list(made.cases())
    assert list(source(file, **selection).cases_again(known)) == cases
    line = int(cases[1].case_id.removeprefix("case-")) + (file.suffix == ".csv")
    assert made.where(1) == f"{file}:{line}"
    file.write_text(file.read_text().replace(str(cases[1].input), "other"))
    with pytest.raises(DatasetChangedError, match=f":{line}: "):
        list(source(file, **selection).cases_again(known))


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ({"slice": {"start": 5, "stop": 5}}, "start, 5, is not before stop, 5"),
        ({"sample": {"size": 0}}, "greater than 0"),
        ({"filter": {"a..b": 1}}, "not a dotted path"),
        ({"filter": {"a": {"from": 1}}}, "a range has a number as `min`, `max` or both"),
        ({"filter": {"a": {"min": "1"}}}, "a range has a number"),
        ({"filter": {"a": []}}, "an empty list keeps no case"),
        ({"shuffle": True}, "shuffle"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(selection: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DatasetSelection.model_validate(selection)
