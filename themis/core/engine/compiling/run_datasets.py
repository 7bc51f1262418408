"""The datasets of a run: the sources of their cases, and what the run stores of them."""

from themis.core.config import DatasetFile
from themis.core.configuration.secrets import redact_urls
from themis.core.datasets import CaseSource, FileSource, InlineSource
from themis.core.datasets.fingerprint import DatasetFingerprint
from themis.core.errors import ConfigError
from themis.core.models import Dataset
from themis.core.snapshot import SnapshotDataset


def source_of(spec: Dataset | DatasetFile) -> CaseSource:
    """The source of the cases of a dataset that a user gives."""
    return InlineSource(spec) if isinstance(spec, Dataset) else _file_source(spec, spec.path)


def stored_source(dataset: SnapshotDataset) -> CaseSource:
    """The source of the cases of a stored run's dataset."""
    if dataset.path is not None:
        return _file_source(dataset, dataset.path)
    cases = dataset.cases or []
    return InlineSource(
        Dataset(dataset_id=dataset.dataset_id, cases=cases, revision=dataset.revision, metadata=dataset.metadata)
    )


def _file_source(given: DatasetFile | SnapshotDataset, path: str) -> FileSource:
    return FileSource(
        given.dataset_id,
        path,
        fields=given.fields,
        revision=given.revision,
        metadata=given.metadata,
        selection=given.selection,
    )


def snapshot_dataset(spec: Dataset | DatasetFile, found: DatasetFingerprint) -> SnapshotDataset:
    """The snapshot of a dataset whose content has the fingerprint `found`."""
    made = SnapshotDataset(
        dataset_id=spec.dataset_id,
        revision=spec.revision,
        metadata=spec.metadata,
        content=found.content,
        case_count=found.case_count,
    )
    if isinstance(spec, Dataset):
        return made.model_copy(update={"cases": spec.cases})
    return made.model_copy(update={"path": spec.path, "fields": spec.fields, "selection": spec.selection})


def refuse_unusable(datasets: list[SnapshotDataset], where: str) -> None:
    """Refuse datasets without any case, and two with the same id.

    Raises:
        ConfigError: there is no case to run, or an id is used twice.
    """
    if not sum(dataset.case_count for dataset in datasets):
        files = ", ".join(dataset.path for dataset in datasets if dataset.path is not None)
        raise ConfigError(where=where, detail=f"datasets: there is no case to run{files and f' in {files}'}")
    ids = [dataset.dataset_id for dataset in datasets]
    if twice := next((dataset_id for dataset_id in ids if ids.count(dataset_id) > 1), None):
        raise ConfigError(where=where, detail=f"datasets: id {twice!r} is used twice")


def without_passwords(spec: Dataset | DatasetFile) -> Dataset | DatasetFile:
    """The dataset with passwords removed from URLs in its revision and metadata."""
    return spec.model_copy(
        update={"revision": redact_urls(spec.revision), "metadata": redact_urls(spec.metadata)},
    )
