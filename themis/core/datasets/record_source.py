"""Dataset whose cases are in records: which of them are taken, in which order, and whether they are still the same."""

from abc import abstractmethod
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from themis.core.base import JSONValue
from themis.core.dataset_config import FieldPath
from themis.core.datasets.chosen import chosen, is_choice
from themis.core.datasets.fields import Fields
from themis.core.datasets.fingerprint import DatasetFingerprint, Marks, case_digest
from themis.core.datasets.first_reading import read_through
from themis.core.datasets.formats.records import Records
from themis.core.datasets.multiple_choice import with_shuffled_choices
from themis.core.datasets.record_filter import filter_of
from themis.core.datasets.sources import NONE_SKIPPED, CaseLeft, Skipped, verified_left
from themis.core.datasets.spool import Spool
from themis.core.errors import DatasetChangedError, DatasetError
from themis.core.models import Case
from themis.core.values.dataset_selection import DatasetSelection

Found = tuple[Records, int, Any, int]
"""Some records, the place of one of them, the record, and its number among all, from 1."""

_BATCH = 256
"""Records that are compared together."""


class Batch(NamedTuple):
    """Records of one file that are neighbours: for each its place, the record, and its number among all, from 1."""

    records: Records
    places: Sequence[int]
    found: Sequence[Any]
    numbers: Sequence[int]


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
        return (case for _, case, _ in self.cases_left(known))

    def cases_left(self, known: DatasetFingerprint, skipped: Skipped = NONE_SKIPPED) -> Iterator[CaseLeft]:
        """Yield the index, case and digest of the cases that are not skipped, in order, and look at all in passing.

        Raises:
            DatasetError: as `cases_again`.
            DatasetChangedError: as `cases_again`, also at a record that is skipped. Where no digests are known, all
                cases are read once more at the first record that was written differently, which the error names.
        """
        if self.selection.shuffle is not None:
            yield from verified_left(self._shuffled(), known, skipped, self)
            return
        begin, end = 0, skipped.end(known.case_count)
        for batch in self.batches():
            if skipped.stop is not None and begin >= end:
                return
            stop = begin + len(batch.found)
            marks = array("q", map(batch.records.mark, batch.found))
            if marks == known.marks[begin:stop]:
                for index in skipped.left(begin, stop if skipped.stop is None else min(stop, end)):
                    case = self._again(batch, index - begin)
                    yield index, case, known.digest(index) or case_digest(case)
            else:
                known = yield from self._compared(batch, marks, begin, known, skipped)
            begin = stop
        if begin < end:
            raise DatasetChangedError(where=self.place, dataset_id=self.dataset_id)

    def _compared(
        self, batch: Batch, marks: Marks, begin: int, known: DatasetFingerprint, skipped: Skipped
    ) -> Generator[CaseLeft, None, DatasetFingerprint]:
        """Yield the cases of a batch in which a record was written differently; return what is known by its end."""
        left = set(skipped.left(begin, begin + len(marks)))
        for index, mark in enumerate(marks, start=begin):
            if skipped.stop is not None and index >= skipped.stop:
                break
            if index < len(known.marks) and mark == known.marks[index]:
                case = self._again(batch, index - begin) if index in left else None
            else:
                where = batch.records.where(batch.places[index - begin])
                known = self._with_digests(known, where)
                case = self._unchanged(batch, index - begin)
                if case is None or case_digest(case) != known.digest(index):
                    raise DatasetChangedError(where=where, dataset_id=self.dataset_id)
            if case is not None and index in left:
                yield index, case, known.digest(index) or case_digest(case)
        return known

    def _with_digests(self, known: DatasetFingerprint, where: str) -> DatasetFingerprint:
        """Return a fingerprint with digests; all cases are read for it, if only their content is known.

        Raises:
            DatasetChangedError: it is another content.
        """
        if known.digests is not None:
            return known
        try:
            found = read_through(self)
        except DatasetError:  # it was read before
            found = None
        if found is None or found.content != known.content:
            raise DatasetChangedError(where=where, dataset_id=self.dataset_id)
        return found

    def _again(self, batch: Batch, place: int) -> Case:
        """The case of a record that is written as before."""
        case = batch.records.case_again(batch.found[place], batch.numbers[place])
        seed = self.selection.shuffle_choices
        return case if seed is None else with_shuffled_choices(case, seed)

    def _unchanged(self, batch: Batch, place: int) -> Case | None:
        """The case of a record that is written differently; None if it is none any more."""
        seed = self.selection.shuffle_choices
        try:
            case = batch.records.case(batch.found[place], batch.numbers[place])
            return case if seed is None else with_shuffled_choices(case, seed)
        except ValueError:  # it was a case before
            return None

    def batches(self) -> Iterator[Batch]:
        """Yield the records that are taken, many at a time, in the order in which they are read.

        Raises:
            DatasetError: they cannot be read; the message names the place.
        """
        for records, of_records in groupby(self._records(), key=itemgetter(0)):
            while found := list(islice(of_records, _BATCH)):
                yield Batch(
                    records, *zip(*((place, record, number) for _, place, record, number in found), strict=True)
                )

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
