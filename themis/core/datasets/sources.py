"""What a stream of cases is, and the simplest one."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from themis.core.datasets.fingerprint import DatasetFingerprint, Marks, case_digest
from themis.core.errors import DatasetChangedError
from themis.core.models import Case, Dataset


class CaseSource(Protocol):
    """A dataset whose cases can be read as often as needed, each time from the first."""

    @property
    def dataset_id(self) -> str:
        """Name of the dataset."""

    @property
    def revision(self) -> str | None:
        """The user's name for this state of the dataset."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Labels of the dataset."""

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:
        """All cases, in order; at no time are all of them held.

        Args:
            marks: where to note 64 bits of each case, if that makes it cheaper to know the case again.

        Raises:
            DatasetError: the source cannot be read, or a case in it is not one.
        """

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
        """All cases once more, each seen to be what it was when `known` was made.

        Raises:
            DatasetError: the source cannot be read any more.
            DatasetChangedError: where a case is not what it was, is missing, or was added; those before it are right.
        """

    def where(self, index: int) -> str:
        """The place of the case at `index` (from 0), for messages."""


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
        """The user's name for this state of the dataset."""
        return self._dataset.revision

    @property
    def metadata(self) -> Mapping[str, str]:
        """Labels of the dataset."""
        return self._dataset.metadata

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:  # noqa: ARG002  # digests are cheap enough
        """All cases, in order."""
        return iter(self._dataset.cases)

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
        """All cases once more.

        Raises:
            DatasetChangedError: somebody changed the list, or what is in a case.
        """
        cases = self._dataset.cases
        for index, case in enumerate(cases):
            if not _is_known(case, known.digest(index)):
                raise DatasetChangedError(where=self.where(index), dataset_id=self.dataset_id)
            yield case
        if len(cases) < known.case_count:
            raise DatasetChangedError(where=self.where(len(cases)), dataset_id=self.dataset_id)

    def where(self, index: int) -> str:
        """The place of the case at `index` (from 0), for messages."""
        return f"dataset {self.dataset_id!r}, case {index + 1}"


def _is_known(case: Case, digest: bytes | None) -> bool:
    """Whether a case still has its digest; one that a component has put something into may have none at all."""
    try:
        return case_digest(case) == digest
    except (TypeError, ValueError):
        return False
