"""What a stream of cases is, and the simplest one."""

from collections.abc import Iterator, Mapping
from typing import Protocol

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

    def cases(self, *, verified: bool = False) -> Iterator[Case]:
        """All cases, in order; at no time are all of them held.

        Args:
            verified: what is read is compared with a fingerprint, for which it was looked at in full: a source need not
                look for what cannot be in a case that has the right digest.

        Raises:
            DatasetError: the source cannot be read, or a case in it is not one.
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

    def cases(self, *, verified: bool = False) -> Iterator[Case]:  # noqa: ARG002  # there is nothing to look for
        """All cases, in order."""
        return iter(self._dataset.cases)

    def where(self, index: int) -> str:
        """The place of the case at `index` (from 0), for messages."""
        return f"dataset {self.dataset_id!r}, case {index + 1}"
