"""Dataset whose cases are in records: which of them are taken, in which order, and whether they are still the same."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from themis.core.base import JSONValue
from themis.core.dataset_config import FieldPath
from themis.core.datasets.chosen import chosen, is_choice
from themis.core.datasets.fields import Fields
from themis.core.datasets.fingerprint import DatasetFingerprint, Marks, case_digest
from themis.core.datasets.formats.records import Records
from themis.core.datasets.multiple_choice import with_shuffled_choices
from themis.core.datasets.record_filter import filter_of
from themis.core.datasets.sources import verified
from themis.core.datasets.spool import Spool
from themis.core.errors import DatasetChangedError, DatasetError
from themis.core.models import Case
from themis.core.values.dataset_selection import DatasetSelection

Found = tuple[Records, int, Any, int]
"""Some records, the place of one of them, the record, and its number among all, from 1."""


class RecordSource:
    """The cases of all records of a dataset, or of some of them.

    Without `fields` the keys of a record, or its columns, are those of a case: `input`, and optionally `case_id` (else
    `case-<n>`, n counting records from 1), `expected_output`, `metadata`. With `fields` each is found by its dotted
    path, where a number picks an item of a list, and others are ignored; an id that is a whole number becomes its text.

    Attributes:
        field_paths: `fields` as they were given.
        selection: the records that are taken, and their order.
        found_ids: those of `selection.case_ids` that some case has, as far as the records were read.
    """

    def __init__(
        self,
        dataset_id: str,
        fields: Mapping[str, FieldPath] | None = None,
        metadata: Mapping[str, str] | None = None,
        selection: DatasetSelection | None = None,
    ) -> None:
        """Read records by `fields`; none is read yet.

        Raises:
            DatasetError: `fields` has no path for `input`, or names a field that a case does not have.
        """
        self.dataset_id = dataset_id
        self.metadata: Mapping[str, str] = metadata or {}
        self.selection = selection or DatasetSelection()
        self.field_paths = fields
        self.fields = None if fields is None else Fields(fields, self.selection.choices.answer_as)
        self._chosen: Sequence[int] | None = None
        self.found_ids: set[str] = set()

    @property
    def filtered_paths(self) -> Sequence[str]:
        """The paths of the values by which records are filtered."""
        return list(self.selection.filter)

    @property
    @abstractmethod
    def revision(self) -> str | None:
        """Name of this state of the dataset."""

    @property
    @abstractmethod
    def place(self) -> str:
        """The place of all records, for messages."""

    @abstractmethod
    def parts(self) -> Iterator[Records]:
        """Yield the records, part by part: a file of several each.

        Raises:
            DatasetError: there are none.
        """

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:
        """Yield all cases, in order.

        Args:
            marks: receives a hash of each record, unless they are shuffled.

        Raises:
            DatasetError: they cannot be read, or one is not a case; the message names its place.
        """
        return self._in_order(marks) if self.selection.shuffle is None else self._shuffled()

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
        """Yield all cases again; only a record that has changed is checked in full.

        Raises:
            DatasetError: they cannot be read any more.
            DatasetChangedError: at the first record with another case than before, or at a premature end.
        """
        if self.selection.shuffle is not None:
            yield from verified(self._shuffled(), known, self)
            return
        marks, index, seed = known.marks, -1, self.selection.shuffle_choices
        for index, (records, place, record, number) in enumerate(self._records()):
            if index < len(marks) and records.mark(record) == marks[index]:
                again = records.case_again(record, number)
                yield again if seed is None else with_shuffled_choices(again, seed)
                continue
            try:
                case = records.case(record, number)
                case = case if seed is None else with_shuffled_choices(case, seed)
            except ValueError:  # it was a case before
                case = None
            if case is None or case_digest(case) != known.digest(index):
                raise DatasetChangedError(where=records.where(place), dataset_id=self.dataset_id)
            yield case
        if index + 1 < known.case_count:
            raise DatasetChangedError(where=self.place, dataset_id=self.dataset_id)

    def where(self, index: int) -> str:
        """Return the place of the case at `index` (from 0), for messages."""
        if self.selection.shuffle is not None:
            index = sorted(self._numbers()).index(self._numbers()[index])
        found = next(islice(self._records(), index, None), None)
        return self.place if found is None else found[0].where(found[1])

    def _in_order(self, marks: Marks | None) -> Iterator[Case]:
        seed = self.selection.shuffle_choices
        for records, place, record, number in self._records():
            if marks is not None:
                marks.append(records.mark(record))
            case = _case_of(records, place, record, number)
            yield case if seed is None else with_shuffled_choices(case, seed)

    def _shuffled(self) -> Iterator[Case]:
        numbers = self._numbers()
        rank = {number: rank for rank, number in enumerate(sorted(numbers))}
        with Spool() as spool:
            for case in self._in_order(None):
                spool.add(case)
            yield from spool.in_order([rank[number] for number in numbers])

    def _numbers(self) -> Sequence[int]:
        """The numbers of the records that are taken, from 1, in the order in which they are taken."""
        if self._chosen is None:
            numbers = chosen((number for *_, number in self._filtered()), self.selection)
            self._chosen = self._named(numbers) if self.selection.case_ids else numbers
        return self._chosen

    def _named(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return those numbers whose cases have one of the wanted ids."""
        wanted, taken, named = set(self.selection.case_ids), set(numbers), set[int]()
        for records, place, record, number in self._filtered():
            if number in taken:
                case_id = _case_of(records, place, record, number).case_id
                if case_id in wanted:
                    named.add(number)
                    self.found_ids.add(case_id)
        return [number for number in numbers if number in named]

    def _records(self) -> Iterator[Found]:
        """The records that are taken, in the order in which they are read."""
        return self._picked() if is_choice(self.selection) else self._filtered()

    def _picked(self) -> Iterator[Found]:
        wanted = iter(sorted(self._numbers()))
        next_number = next(wanted, None)
        for found in self._filtered():
            if found[-1] == next_number:
                yield found
                next_number = next(wanted, None)
                if next_number is None:
                    return

    def _filtered(self) -> Iterator[Found]:
        return self._fitting(self.selection.filter) if self.selection.filter else self._all()

    def _fitting(self, wanted: Mapping[str, JSONValue]) -> Iterator[Found]:
        fits = filter_of(wanted)
        for records, place, record, number in self._all():
            try:
                is_wanted = fits(records.row(record))
            except ValueError as error:
                raise DatasetError(where=records.where(place), detail=str(error)) from None
            if is_wanted:
                yield records, place, record, number

    def _all(self) -> Iterator[Found]:
        number = 0
        for records in self.parts():
            for place, record in records:
                number += 1
                yield records, place, record, number


def _case_of(records: Records, place: Any, record: Any, number: int) -> Case:
    """Return the case in a record; raises DatasetError, which names the record's place, when it holds none."""
    try:
        return records.case(record, number)
    except ValueError as error:
        raise DatasetError(where=records.where(place), detail=str(error)) from None
