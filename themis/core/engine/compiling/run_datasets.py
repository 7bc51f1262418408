"""The datasets of a run: the sources of their cases, and what the run stores of them."""

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from themis.core.components.references import ComponentTarget
from themis.core.configuration.secrets import redact_urls
from themis.core.dataset_config import DatasetFile, DatasetGiven, DatasetLoader, DatasetOnHub
from themis.core.datasets import CaseSource, FileSource, InlineSource, LoaderSource, StoredListSource
from themis.core.datasets.fingerprint import DatasetFingerprint
from themis.core.datasets.known_files import KnownFiles
from themis.core.errors import ConfigError, DatasetChangedError, StoreMissingError
from themis.core.models import Dataset
from themis.core.result_views.on_demand import ItemsInParts
from themis.core.snapshot import SnapshotDataset
from themis.core.stores.protocol import RunStore


def store_if_there(open_store: Callable[..., RunStore]) -> RunStore | None:
    """Return an experiment's store by its `open_store`; None before it is made: what cannot be compiled makes none."""
    try:
        return open_store(must_exist=True)
    except StoreMissingError:
        return None


def known_in(store: RunStore | None) -> KnownFiles:
    """Return the reader of datasets that knows what a store knows of their files; the store is not made for it."""
    return KnownFiles(None if store is None else lambda key: store.known_file(key) if store.is_there else None)


def source_of(spec: DatasetGiven) -> CaseSource:
    """The source of the cases of a dataset that a user gives."""
    if isinstance(spec, Dataset):
        return InlineSource(spec)
    if isinstance(spec, DatasetOnHub):
        return _hub_source(spec.dataset_id, spec.huggingface, spec.fields, spec.metadata, spec.selection)
    if isinstance(spec, DatasetFile):
        return _file_source(spec, spec.path)
    return _loader_source(spec, ComponentTarget(use=spec.use, arguments=spec.arguments))


def stored_source(dataset: SnapshotDataset, allow_modules: Sequence[str] | None = None) -> CaseSource:
    """The source of the cases of a stored run's dataset; `allow_modules` as for `load_component`."""
    split = dataset.huggingface
    if split is not None:
        split = split if dataset.path is None else split.model_copy(update={"name": dataset.path})
        return _hub_source(dataset.dataset_id, split, dataset.fields, dataset.metadata, dataset.selection)
    if dataset.path is not None:
        return _file_source(dataset, dataset.path)
    if dataset.loader is not None:
        return _loader_source(dataset, dataset.loader, allow_modules)
    labels: dict[str, Any] = {"revision": dataset.revision, "metadata": dataset.metadata}
    if isinstance(dataset.cases, ItemsInParts):
        return StoredListSource(dataset.dataset_id, dataset.cases, **labels)
    return InlineSource(Dataset(dataset_id=dataset.dataset_id, cases=dataset.cases or [], **labels))


def read_again(source: CaseSource, dataset: SnapshotDataset, known: KnownFiles) -> DatasetFingerprint:
    """Return the fingerprint of the cases of a stored run's dataset, which are still what they were.

    A list in a store is not read for it: its parts are named by hashes of what is in them.

    Raises:
        DatasetError, DatasetChangedError: a dataset cannot be read here, or has changed.
    """
    if isinstance(source, StoredListSource):
        return DatasetFingerprint(dataset.content, dataset.case_count, None, array("q"))
    found = known.read(source)
    if found.content != dataset.content:
        raise DatasetChangedError(where=dataset.place or "store", dataset_id=dataset.dataset_id)
    return found


def _hub_source(*given: Any) -> CaseSource:
    from themis.core.datasets.hub.hub_source import HubSource  # noqa: PLC0415  # most datasets are files

    return HubSource(*given)


def _file_source(given: DatasetFile | SnapshotDataset, path: str) -> FileSource:
    return FileSource(
        given.dataset_id,
        path,
        fields=given.fields,
        revision=given.revision,
        metadata=given.metadata,
        selection=given.selection,
    )


def _loader_source(
    given: DatasetLoader | SnapshotDataset, loader: ComponentTarget, allow_modules: Sequence[str] | None = None
) -> LoaderSource:
    return LoaderSource(
        given.dataset_id,
        loader.use,
        loader.arguments,
        fields=given.fields,
        revision=given.revision,
        metadata=given.metadata,
        selection=given.selection,
        allow_modules=allow_modules,
    )


def snapshot_dataset(spec: DatasetGiven, source: CaseSource, found: DatasetFingerprint) -> SnapshotDataset:
    """The snapshot of a dataset that was read from `source`, and whose content has the fingerprint `found`."""
    made = SnapshotDataset(
        dataset_id=spec.dataset_id,
        revision=source.revision,
        metadata=spec.metadata,
        content=found.content,
        case_count=found.case_count,
    )
    if isinstance(spec, Dataset):
        return made.model_copy(update={"cases": spec.cases})
    records: dict[str, object] = {"fields": spec.fields, "selection": spec.selection}
    if isinstance(spec, DatasetLoader):
        records["loader"] = ComponentTarget(use=spec.use, arguments=redact_urls(spec.arguments))
    else:
        records["path"] = spec.path
    if isinstance(spec, DatasetOnHub):
        records["huggingface"] = spec.huggingface.model_copy(update={"revision": source.revision})
    return made.model_copy(update=records)


def refuse_unusable(datasets: list[SnapshotDataset], sources: Sequence[CaseSource], where: str) -> None:
    """Refuse datasets without any case, two with the same id, and ids of cases that no case has.

    Raises:
        ConfigError: there is no case to run, an id is used twice, or a wanted case is in none of the `sources`.
    """
    refuse_missing(datasets, sources, where)
    if not sum(dataset.case_count for dataset in datasets):
        places = ", ".join(dataset.place for dataset in datasets if dataset.place is not None)
        raise ConfigError(where=where, detail=f"datasets: there is no case to run{places and f' in {places}'}")
    ids = [dataset.dataset_id for dataset in datasets]
    if twice := next((dataset_id for dataset_id in ids if ids.count(dataset_id) > 1), None):
        raise ConfigError(where=where, detail=f"datasets: id {twice!r} is used twice")


def refuse_missing(datasets: Sequence[SnapshotDataset], sources: Sequence[CaseSource], where: str) -> None:
    """Refuse an id of a case that no case of any dataset has.

    Raises:
        ConfigError: a wanted case is missing.
    """
    wanted = [wish for dataset in datasets if dataset.selection is not None for wish in dataset.selection.case_ids]
    found = {case.case_id for dataset in datasets for case in dataset.cases or ()} if wanted else set()
    for source in sources:
        found |= getattr(source, "found_ids", frozenset())
    if missing := next((wish for wish in wanted if wish not in found), None):
        raise ConfigError(where=where, detail=no_such_case(missing, [dataset.dataset_id for dataset in datasets]))


def no_such_case(case_id: str, dataset_ids: Sequence[str]) -> str:
    """Return the message about an id that no case has."""
    places = " and ".join(repr(dataset_id) for dataset_id in dataset_ids)
    return f"datasets: no case {case_id!r} in {places}; give the `case_id` of a case, or its number as in case-1"


def without_passwords(spec: DatasetGiven) -> DatasetGiven:
    """The dataset with passwords removed from URLs in its revision and metadata."""
    cleaned: dict[str, object] = {"metadata": redact_urls(spec.metadata)}
    if not isinstance(spec, DatasetOnHub):
        cleaned["revision"] = redact_urls(spec.revision)
    return spec.model_copy(update=cleaned)
