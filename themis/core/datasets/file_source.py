"""Dataset whose cases are in a file, or in several: JSONL, JSON, CSV, TSV or Parquet."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from themis.core.dataset_config import FieldPath
from themis.core.datasets.case_lines import MappedKeys, OwnKeys
from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.chosen import is_choice
from themis.core.datasets.fields import Fields
from themis.core.datasets.formats.delimited import DelimitedRows
from themis.core.datasets.formats.file_paths import files_of
from themis.core.datasets.formats.json_lines import JsonFile, JsonLines
from themis.core.datasets.formats.packed_files import format_suffix
from themis.core.datasets.formats.parquet import ParquetRows
from themis.core.datasets.formats.records import Records
from themis.core.datasets.record_source import Batch, RecordSource
from themis.core.errors import DatasetError
from themis.core.values.dataset_selection import DatasetSelection

Format = Callable[[Path, Fields | None], Records]

_FORMATS: dict[str, Format] = {
    ".json": lambda path, fields: JsonFile(path, _lines(fields)),
    ".csv": lambda path, fields: DelimitedRows(path, CaseRows(fields), ","),
    ".tsv": lambda path, fields: DelimitedRows(path, CaseRows(fields), "\t"),
    ".parquet": lambda path, fields: ParquetRows(path, CaseRows(fields)),
}


def records_of(path: Path, fields: Fields | None) -> Records:
    """Return the records of a file, in the format that its name tells; `fields` see `Fields`."""
    made = _FORMATS.get(format_suffix(path))
    return JsonLines(path, _lines(fields)) if made is None else made(path, fields)


class FileSource(RecordSource):
    """The cases of a file, whose format its name tells; of all that a pattern matches, in the order of their names.

    The names are `*.json`, `*.csv`, `*.tsv`, `*.parquet`, each also with `.gz` or `.zst` after it; others are JSONL.
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
        super().__init__(dataset_id, fields, metadata, selection)
        self.path = Path(path)
        self._revision = revision
        self._hashes: list[Any] | None = None

    @property
    def revision(self) -> str | None:
        """User-given name of this state of the dataset."""
        return self._revision

    @property
    def place(self) -> str:
        """The path, for messages."""
        return str(self.path)

    @property
    def is_plain_lines(self) -> bool:
        """Whether each line of its files is one case, and all are taken in this order."""
        if is_choice(self.selection) or self.selection.filter:
            return False
        return all(format_suffix(path) not in _FORMATS for path in self._files())

    def parts(self) -> Iterator[Records]:
        """Yield the records of each file.

        Raises:
            DatasetError: no file matches the path.
        """
        for path in files_of(self.path):
            if self._hashes is None:
                yield records_of(path, self.fields)
            else:
                self._hashes.append(hashlib.sha256())
                yield JsonLines(path, _lines(self.fields), self._hashes[-1].update)

    def batches(self) -> Iterator[Batch]:
        """Yield the records that are taken, many at a time: of plain lines as many as are read at once."""
        if not self.is_plain_lines:
            yield from super().batches()
            return
        number = 1
        for records in self.parts():
            for places, lines in cast("JsonLines", records).blocks():
                yield Batch(records, places, lines, range(number, number + len(lines)))
                number += len(lines)

    def watched(self) -> "FileSource":
        """Return the same dataset of plain lines, which hashes the bytes of its files while it is read once."""
        again = FileSource(self.dataset_id, self.path, self.field_paths, self._revision, self.metadata, self.selection)
        again._hashes = []  # of this very class
        return again

    def bytes_hash(self) -> str:
        """Return the hash of the bytes that were read, unpacked, after each file was read once to its end."""
        return hashlib.sha256(b"".join(one.digest() for one in self._hashes or ())).hexdigest()

    def sizes(self) -> list[int]:
        """Return the size of each of its files, in bytes.

        Raises:
            OSError: one is not there.
        """
        return [path.stat().st_size for path in self._files()]

    def _files(self) -> list[Path]:
        """Its files; none when no file matches the path."""
        try:
            return files_of(self.path)
        except DatasetError:
            return []


def _lines(fields: Fields | None) -> OwnKeys | MappedKeys:
    return OwnKeys() if fields is None else MappedKeys(fields)
