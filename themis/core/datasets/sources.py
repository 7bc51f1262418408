"""Protocol of a stream of cases, and the simplest streams."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Protocol

from themis.core.datasets.fingerprint import DatasetFingerprint, Marks, case_digest
from themis.core.errors import DatasetChangedError
from themis.core.models import Case, Dataset
from themis.core.result_views.on_demand import ItemsInParts


class CaseSource(Protocol):
    """A dataset whose cases can be read as often as needed, each time from the first."""

    @property
    def dataset_id(self) -> str:
        """Name of the dataset."""

    @property
    def revision(self) -> str | None:
        """User-given name of this state of the dataset."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Labels of the dataset."""

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:
        """Yield all cases, in order, without holding all of them at once.

        Args:
            marks: receives 64 bits for each case, if that makes it cheaper to recognise the case later.

        Raises:
            DatasetError: the source cannot be read, or holds something that is not a case.
        """

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
        """Yield all cases again, each verified to be unchanged since `known` was made.

        Raises:
            DatasetError: the source cannot be read any more.
            DatasetChangedError: at a case that was changed, removed or added; the cases before it are right.
        """

    def where(self, index: int) -> str:
        """Return the place of the case at `index` (from 0), for messages."""


class InlineSource:
    """The cases of a dataset that is listed in full."""

    def __init__(self, dataset: Dataset) -> None:
        """Read from `dataset`."""
        self._dataset = dataset

    @property
    def dataset_id(self) -> str:
        """Name of the dataset."""
        return self._dataset.dataset_id

    @property
    def revision(self) -> str | None:
        """User-given name of this state of the dataset."""
        return self._dataset.revision

    @property
    def metadata(self) -> Mapping[str, str]:
        """Labels of the dataset."""
        return self._dataset.metadata

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:  # noqa: ARG002  # digests are cheap enough
        """Yield all cases, in order."""
        return iter(self._dataset.cases)

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
        """Yield all cases again.

        Raises:
            DatasetChangedError: the list, or the content of a case, was changed.
        """
        return verified(self._dataset.cases, known, self)

    def where(self, index: int) -> str:
        """Return the place of the case at `index` (from 0), for messages."""
        return f"dataset {self.dataset_id!r}, case {index + 1}"


class StoredListSource:
    """The cases of a dataset that is listed in a stored run: they are read in parts, and are what was stored."""

    def __init__(
        self,
        dataset_id: str,
        stored: ItemsInParts[Case],
        revision: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Read the cases `stored`."""
        self.dataset_id = dataset_id
        self.revision = revision
        self.metadata: Mapping[str, str] = metadata or {}
        self.stored = stored

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:  # noqa: ARG002  # no case is ever another one
        """Yield all cases, in order."""
        return iter(self.stored)

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:  # noqa: ARG002  # no case is ever another one
        """Yield all cases again."""
        return iter(self.stored)

    def where(self, index: int) -> str:
        """Return the place of the case at `index` (from 0), for messages."""
        return f"dataset {self.dataset_id!r}, case {index + 1}"


def known_cases(
    source: CaseSource, known: DatasetFingerprint, first: int = 0, stop: int | None = None
) -> Iterator[tuple[Case, bytes]]:
    """Yield the cases from position `first` to before `stop`, each with its digest, as they were when `known` was made.

    Of cases that are listed in a store only the parts that are wanted are read.

    Raises:
        DatasetError: the source cannot be read any more.
        DatasetChangedError: at a case that was changed, removed or added.
    """
    if isinstance(source, StoredListSource):
        wanted = source.stored.between(first, known.case_count if stop is None else stop)
        return ((case, case_digest(case)) for case in wanted)
    return islice(zip(source.cases_again(known), known.each_digest(), strict=True), first, stop)


def verified(cases: Iterable[Case], known: DatasetFingerprint, source: CaseSource) -> Iterator[Case]:
    """Yield the cases of a source as long as each is what it was when `known` was made.

    Raises:
        DatasetChangedError: at a case that was changed or added, or at a premature end.
    """
    count = 0
    for index, case in enumerate(cases):
        if not _is_known(case, known.digest(index)):
            raise DatasetChangedError(where=source.where(index), dataset_id=source.dataset_id)
        yield case
        count = index + 1
    if count < known.case_count:
        raise DatasetChangedError(where=source.where(count), dataset_id=source.dataset_id)


def _is_known(case: Case, digest: bytes | None) -> bool:
    """Whether a case still has its digest; one that a component has modified may have none at all."""
    try:
        return case_digest(case) == digest
    except (TypeError, ValueError):
        return False
