"""Dataset whose cases are in a file, or in several: JSONL, JSON, CSV, TSV or Parquet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from themis.core.dataset_config import FieldPath
from themis.core.datasets.case_lines import MappedKeys, OwnKeys
from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.chosen import chosen, is_choice
from themis.core.datasets.fields import Fields
from themis.core.datasets.file_paths import files_of
from themis.core.datasets.fingerprint import DatasetFingerprint, Marks, case_digest
from themis.core.datasets.formats.delimited import DelimitedRows
from themis.core.datasets.formats.json_lines import JsonFile, JsonLines
from themis.core.datasets.formats.packed_files import format_suffix
from themis.core.datasets.formats.parquet import ParquetRows
from themis.core.datasets.formats.records import Records
from themis.core.datasets.multiple_choice import with_shuffled_choices
from themis.core.datasets.record_filter import filter_of
from themis.core.datasets.sources import verified
from themis.core.datasets.spool import Spool
from themis.core.errors import DatasetChangedError, DatasetError
from themis.core.models import Case
from themis.core.values.dataset_selection import DatasetSelection

Format = Callable[[Path, Fields | None], Records]
Found = tuple[Records, int, Any, int]
"""A file's records, the place of one of them, the record, and its number among those of all files, from 1."""


def _json_lines(path: Path, fields: Fields | None) -> Records:
    return JsonLines(path, _lines(fields))


_FORMATS: dict[str, Format] = {
    ".json": lambda path, fields: JsonFile(path, _lines(fields)),
    ".csv": lambda path, fields: DelimitedRows(path, CaseRows(fields), ","),
    ".tsv": lambda path, fields: DelimitedRows(path, CaseRows(fields), "\t"),
    ".parquet": lambda path, fields: ParquetRows(path, CaseRows(fields)),
}


class FileSource:
    """The cases of a file, whose format its name tells; of all that a pattern matches, in the order of their names.

    The names are `*.json`, `*.csv`, `*.tsv`, `*.parquet`, each also with `.gz` or `.zst` after it; others are JSONL.

    Without `fields` the keys of an object, or the columns of a table, are those of a case: `input`, and optionally
    `case_id` (else `case-<n>`, n counting records from 1), `expected_output`, `metadata`. With `fields` each is found
    by its dotted path, where a number picks an item of a list, and others are ignored; an id that is a whole number
    becomes its text.
    """

    def __init__(  # the keys of a dataset in a configuration
        self,
        dataset_id: str,
        path: str | Path,
        fields: Mapping[str, FieldPath] | None = None,
        revision: str | None = None,
        metadata: Mapping[str, str] | None = None,
        selection: DatasetSelection | None = None,
    ) -> None:
        """Read from the file at `path`; it is not opened yet.

        Raises:
            DatasetError: `fields` has no path for `input`, or names a field that a case does not have.
        """
        self.dataset_id = dataset_id
        self.path = Path(path)
        self.revision = revision
        self.metadata: Mapping[str, str] = metadata or {}
        self._selection = selection or DatasetSelection()
        self._fields = None if fields is None else Fields(fields, self._selection.choices.answer_as)
        self._chosen: Sequence[int] | None = None

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:
        """Yield all cases, in order.

        Args:
            marks: receives a hash of each record, unless they are shuffled.

        Raises:
            DatasetError: a file cannot be read, or a record is not a case; the message names file and place.
        """
        return self._in_order(marks) if self._selection.shuffle is None else self._shuffled()

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
        """Yield all cases again; only a record that has changed is checked in full.

        Raises:
            DatasetError: a file cannot be read any more.
            DatasetChangedError: at the first record with another case than before, or at a premature end.
        """
        if self._selection.shuffle is not None:
            yield from verified(self._shuffled(), known, self)
            return
        marks, index = known.marks, -1
        for index, (records, place, record, number) in enumerate(self._records()):
            if index < len(marks) and records.mark(record) == marks[index]:
                yield self._finished(records.case_again(record, number))
                continue
            try:
                case = self._finished(records.case(record, number))
            except ValueError:  # it was a case before
                case = None
            if case is None or case_digest(case) != known.digest(index):
                raise DatasetChangedError(where=records.where(place), dataset_id=self.dataset_id)
            yield case
        if index + 1 < known.case_count:
            raise DatasetChangedError(where=str(self.path), dataset_id=self.dataset_id)

    def where(self, index: int) -> str:
        """Return the file and place of the case at `index` (from 0), for messages."""
        if self._selection.shuffle is not None:
            index = sorted(self._numbers()).index(self._numbers()[index])
        found = next(islice(self._records(), index, None), None)
        return str(self.path) if found is None else found[0].where(found[1])

    def _in_order(self, marks: Marks | None) -> Iterator[Case]:
        for records, place, record, number in self._records():
            if marks is not None:
                marks.append(records.mark(record))
            try:
                case = records.case(record, number)
            except ValueError as error:
                raise DatasetError(where=records.where(place), detail=str(error)) from None
            yield self._finished(case)

    def _shuffled(self) -> Iterator[Case]:
        numbers = self._numbers()
        rank = {number: rank for rank, number in enumerate(sorted(numbers))}
        with Spool() as spool:
            for case in self._in_order(None):
                spool.add(case)
            yield from spool.in_order([rank[number] for number in numbers])

    def _finished(self, case: Case) -> Case:
        seed = self._selection.shuffle_choices
        return case if seed is None else with_shuffled_choices(case, seed)

    def _numbers(self) -> Sequence[int]:
        """The numbers of the records that are taken, from 1, in the order in which they are taken."""
        if self._chosen is None:
            self._chosen = chosen((number for *_, number in self._filtered()), self._selection)
        return self._chosen

    def _records(self) -> Iterator[Found]:
        """Yield the records that are taken, in the order of the file."""
        if not is_choice(self._selection):
            yield from self._filtered()
            return
        wanted = iter(sorted(self._numbers()))
        next_number = next(wanted, None)
        for found in self._filtered():
            if found[-1] == next_number:
                yield found
                next_number = next(wanted, None)
                if next_number is None:
                    return

    def _filtered(self) -> Iterator[Found]:
        wanted = self._selection.filter
        if not wanted:
            yield from self._all()
            return
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
        for path in files_of(self.path):
            records = _FORMATS.get(format_suffix(path), _json_lines)(path, self._fields)
            for place, record in records:
                number += 1
                yield records, place, record, number


def _lines(fields: Fields | None) -> OwnKeys | MappedKeys:
    return OwnKeys() if fields is None else MappedKeys(fields)
