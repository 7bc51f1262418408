"""Protocol of a stream of cases, and the simplest streams."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from themis.core.datasets.fingerprint import DatasetFingerprint, Marks, case_digest
from themis.core.errors import DatasetChangedError
from themis.core.models import Case, Dataset
from themis.core.result_views.on_demand import ItemsInParts


@dataclass(frozen=True, slots=True)
class Skipped:
    """Cases that nobody wants, by their index in their dataset, from 0.

    Attributes:
        flags: a byte for each case, not 0 for one that is skipped; those behind its end are wanted.
        stop: index of the case before which the reading ends; None to read all.
    """

    flags: bytes | bytearray = b""
    stop: int | None = None

    def left(self, begin: int, end: int) -> Iterator[int]:
        """Yield the indices from `begin` to before `end` of the cases that are wanted, in order."""
        known = min(len(self.flags), end)
        index = begin
        while index < known and (index := self.flags.find(0, index, known)) >= 0:
            yield index
            index += 1
        yield from range(max(begin, known), end)

    def end(self, count: int) -> int:
        """Return the index before which the reading of so many cases ends."""
        return count if self.stop is None else min(self.stop, count)


NONE_SKIPPED = Skipped()
"""Every case is wanted."""

CaseLeft = tuple[int, Case, bytes]
"""A case that is not skipped: its index in its dataset, from 0, the case, and its digest."""


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

    def cases_left(self, known: DatasetFingerprint, skipped: Skipped = NONE_SKIPPED) -> Iterator[CaseLeft]:
        """Yield the index (from 0), case and digest of the cases that are not skipped, as `cases_again` does."""

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
        return (case for _, case, _ in self.cases_left(known))

    def cases_left(self, known: DatasetFingerprint, skipped: Skipped = NONE_SKIPPED) -> Iterator[CaseLeft]:
        """Yield the index, case and digest of the cases that are not skipped; all are compared.

        Raises:
            DatasetChangedError: as `cases_again`.
        """
        return verified_left(self._dataset.cases, known, skipped, self)

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

    def cases_left(self, known: DatasetFingerprint, skipped: Skipped = NONE_SKIPPED) -> Iterator[CaseLeft]:
        """Yield the index, case and digest of the cases that are not skipped; only parts with one are read."""
        for index, case in self.stored.at(skipped.left(0, skipped.end(known.case_count))):
            yield index, case, case_digest(case)

    def where(self, index: int) -> str:
        """Return the place of the case at `index` (from 0), for messages."""
        return f"dataset {self.dataset_id!r}, case {index + 1}"


def verified_left(
    cases: Iterable[Case], known: DatasetFingerprint, skipped: Skipped, source: CaseSource
) -> Iterator[CaseLeft]:
    """Yield the cases of a source that are not skipped, as long as each is what it was when `known` was made.

    Raises:
        DatasetChangedError: at a case that was changed or added, or at a premature end.
    """
    count, end = 0, skipped.end(known.case_count)
    for index, case in enumerate(cases):
        if skipped.stop is not None and index >= end:
            return
        digest = known.digest(index)
        if digest is None or not _is_known(case, digest):
            raise DatasetChangedError(where=source.where(index), dataset_id=source.dataset_id)
        if not skipped.flags or index >= len(skipped.flags) or not skipped.flags[index]:
            yield index, case, digest
        count = index + 1
    if count < end:
        raise DatasetChangedError(where=source.where(count), dataset_id=source.dataset_id)


def _is_known(case: Case, digest: bytes) -> bool:
    """Whether a case still has its digest; one that a component has modified may have none at all."""
    try:
        return case_digest(case) == digest
    except (TypeError, ValueError):
        return False
