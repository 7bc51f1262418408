"""A part of the datasets of an experiment, written as their `slice`, `sample` and `case_ids`.

Each is a part of what the dataset takes already. So a run of all of it finds every case of the part in the store, and
asks only for the rest.
"""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from themis.core.configuration.part import Part
from themis.core.dataset_config import ChosenCases, DatasetFile, DatasetGiven, DatasetLoader, DatasetOnHub
from themis.core.datasets.chosen import chosen
from themis.core.engine.compiling.run_datasets import no_such_case
from themis.core.errors import ConfigError, InvalidArgumentError
from themis.core.models import Dataset
from themis.core.text.pydantic_errors import in_a_line
from themis.core.values.bounds import MOST_COUNT
from themis.core.values.dataset_selection import DatasetSelection, SampleConfig, SliceConfig

Sample = int | tuple[int, int]
"""The size of a sample, or its size and its seed."""

InRecords = DatasetFile | DatasetOnHub | DatasetLoader

_WHERE = "experiment"


def part_of(limit: int | None, sample: Sample | None, cases: Iterable[str]) -> Part:
    """Return the part that arguments name; a sample is its size, or its size and its seed.

    Raises:
        InvalidArgumentError: one is not of this form, or cases are both named and counted.
    """
    size, seed = sample if isinstance(sample, tuple) else (sample, None)
    wanted = (cases,) if isinstance(cases, str) else tuple(cases)
    for name, value in (("limit", limit), ("sample", size)):
        if value is not None and (type(value) is not int or not 1 <= value <= MOST_COUNT):
            detail = f"is a number of cases, from 1 to {MOST_COUNT:,}, not {value!r}"
            raise InvalidArgumentError(argument=name, detail=detail)
    if wanted and not (limit is None and size is None):
        raise InvalidArgumentError(argument="cases", detail="names the cases; leave out limit and sample")
    return Part(limit, size, seed, wanted)


def narrowed(datasets: Sequence[DatasetGiven], part: Part) -> list[DatasetGiven]:
    """Return datasets with no more than that part of their cases; one of which no case is named is left out.

    Raises:
        ConfigError: a dataset has a sample of another seed already, or no case has an id.
    """
    if part.cases:
        return _named(datasets, part.cases)
    selection = [_selection(dataset, part) for dataset in datasets]
    return [_with(dataset, chosen_of_it) for dataset, chosen_of_it in zip(datasets, selection, strict=True)]


def _selection(dataset: DatasetGiven, part: Part) -> DatasetSelection:
    """Return the selection of a dataset, and the part of it.

    The first cases of a sample are those of a smaller sample with its seed, which is part of the larger one.
    """
    before = dataset.selection if isinstance(dataset, ChosenCases) else None
    found = before or DatasetSelection()
    own = found.sample
    if found.case_ids:
        detail = f"datasets: {dataset.dataset_id!r} takes the cases with certain ids; name those of them that you want"
        raise ConfigError(where=_WHERE, detail=detail)
    if own is not None and part.seed not in {None, own.seed}:
        detail = f"datasets: {dataset.dataset_id!r} takes a sample with seed {own.seed}, and a part of it has this seed"
        raise ConfigError(where=_WHERE, detail=detail)
    sizes = [size for size in (part.sample, part.limit if own else None) if size is not None]
    if own is not None:
        sizes.append(own.size)
    try:
        sample = SampleConfig(size=min(sizes), seed=own.seed if own else part.seed or 0) if sizes else None
    except ValidationError as error:
        raise InvalidArgumentError(argument="sample", detail=in_a_line(error)) from None
    stretch = found.slice
    if part.limit is not None and own is None:
        start, stop = (stretch.start, stretch.stop) if stretch else (0, None)
        last = start + part.limit
        stretch = SliceConfig(start=start, stop=last if stop is None else min(last, stop))
    return found.model_copy(update={"slice": stretch, "sample": sample})


def _with(dataset: DatasetGiven, selection: DatasetSelection) -> DatasetGiven:
    if isinstance(dataset, Dataset):
        numbers = chosen(range(1, len(dataset.cases) + 1), selection)
        return dataset.model_copy(update={"cases": [dataset.cases[number - 1] for number in numbers]})
    return dataset.model_copy(update={"slice": selection.slice, "sample": selection.sample})


def _named(datasets: Sequence[DatasetGiven], wanted: Sequence[str]) -> list[DatasetGiven]:
    """Return the datasets with the named cases alone; those in files are looked for when the file is read."""
    keyed = {wish: of for wish in wanted if (of := _dataset_of_key(wish, datasets)) is not None}
    found: list[DatasetGiven] = []
    missing = list(dict.fromkeys(wanted))
    for dataset in datasets:
        ids = {wish: wish for wish in wanted if wish not in keyed}
        ids |= {key: key.removeprefix(_beginning(of)) for key, of in keyed.items() if of is dataset}
        if isinstance(dataset, Dataset):
            kept = [case for case in dataset.cases if case.case_id in ids.values()]
            has = {case.case_id for case in kept}
            missing = [wish for wish in missing if ids.get(wish) not in has]
            if kept:
                found.append(dataset.model_copy(update={"cases": kept}))
        elif ids:
            missing = [wish for wish in missing if wish not in ids]
            found.append(_among(dataset, list(dict.fromkeys(ids.values()))))
    if missing:
        names = [dataset.dataset_id for dataset in datasets]
        raise ConfigError(where=_WHERE, detail=no_such_case(missing[0], names))
    return found


def _among(dataset: InRecords, ids: list[str]) -> DatasetGiven:
    before = set(dataset.case_ids)
    kept = [case_id for case_id in ids if not before or case_id in before]
    if not kept:
        detail = no_such_case(ids[0], [dataset.dataset_id])
        raise ConfigError(where=_WHERE, detail=detail)
    return dataset.model_copy(update={"case_ids": kept})


def _dataset_of_key(text: str, datasets: Sequence[DatasetGiven]) -> DatasetGiven | None:
    return next((dataset for dataset in datasets if text.startswith(_beginning(dataset))), None)


def _beginning(dataset: DatasetGiven) -> str:
    """The beginning of the case keys of a dataset, see `case_key`."""
    return f"{len(dataset.dataset_id)}:{dataset.dataset_id}:"
