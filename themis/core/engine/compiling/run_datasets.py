"""The datasets of a run: where their cases are read from, and what the run keeps of them."""

from themis.core.config import DatasetFile
from themis.core.configuration.secrets import redact_urls
from themis.core.datasets import CaseSource, InlineSource, JsonlSource
from themis.core.datasets.fingerprint import DatasetFingerprint
from themis.core.errors import ConfigError
from themis.core.models import Dataset
from themis.core.snapshot import SnapshotDataset


def source_of(spec: Dataset | DatasetFile) -> CaseSource:
    """Where the cases of a dataset that a user gives are read from."""
    if isinstance(spec, Dataset):
        return InlineSource(spec)
    return JsonlSource(spec.dataset_id, spec.path, fields=spec.fields, revision=spec.revision, metadata=spec.metadata)


def stored_source(dataset: SnapshotDataset) -> CaseSource:
    """Where the cases of a dataset of a stored run are read from."""
    if dataset.path is None:
        cases = dataset.cases or []
        return InlineSource(
            Dataset(dataset_id=dataset.dataset_id, cases=cases, revision=dataset.revision, metadata=dataset.metadata)
        )
    return JsonlSource(
        dataset.dataset_id, dataset.path, fields=dataset.fields, revision=dataset.revision, metadata=dataset.metadata
    )


def snapshot_dataset(spec: Dataset | DatasetFile, found: DatasetFingerprint) -> SnapshotDataset:
    """What a run keeps of a dataset in which `found` was found."""
    made = SnapshotDataset(
        dataset_id=spec.dataset_id,
        revision=spec.revision,
        metadata=spec.metadata,
        content=found.content,
        case_count=found.case_count,
    )
    if isinstance(spec, Dataset):
        return made.model_copy(update={"cases": spec.cases})
    return made.model_copy(update={"path": spec.path, "fields": spec.fields})


def refuse_unusable(datasets: list[SnapshotDataset], where: str) -> None:
    """Refuse datasets without any case, and two of one id.

    Raises:
        ConfigError: there is nothing to run, or an id stands twice.
    """
    if not sum(dataset.case_count for dataset in datasets):
        files = ", ".join(dataset.path for dataset in datasets if dataset.path is not None)
        raise ConfigError(where=where, detail=f"datasets: there is no case to run{files and f' in {files}'}")
    ids = [dataset.dataset_id for dataset in datasets]
    if twice := next((dataset_id for dataset_id in ids if ids.count(dataset_id) > 1), None):
        raise ConfigError(where=where, detail=f"datasets: id {twice!r} stands twice")


def without_passwords(spec: Dataset | DatasetFile) -> Dataset | DatasetFile:
    """A dataset whose labels hold no password of a URL."""
    return spec.model_copy(
        update={"revision": redact_urls(spec.revision), "metadata": redact_urls(spec.metadata)},
    )
