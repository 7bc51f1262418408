"""Dataset whose cases are in a file, or in several: JSONL, JSON, CSV, TSV or Parquet."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from themis.core.dataset_config import FieldPath
from themis.core.datasets.case_lines import MappedKeys, OwnKeys
from themis.core.datasets.case_rows import CaseRows
from themis.core.datasets.fields import Fields
from themis.core.datasets.file_paths import files_of
from themis.core.datasets.formats.delimited import DelimitedRows
from themis.core.datasets.formats.json_lines import JsonFile, JsonLines
from themis.core.datasets.formats.packed_files import format_suffix
from themis.core.datasets.formats.parquet import ParquetRows
from themis.core.datasets.formats.records import Records
from themis.core.datasets.record_source import RecordSource
from themis.core.values.dataset_selection import DatasetSelection

Format = Callable[[Path, Fields | None], Records]


def _json_lines(path: Path, fields: Fields | None) -> Records:
    return JsonLines(path, _lines(fields))


_FORMATS: dict[str, Format] = {
    ".json": lambda path, fields: JsonFile(path, _lines(fields)),
    ".csv": lambda path, fields: DelimitedRows(path, CaseRows(fields), ","),
    ".tsv": lambda path, fields: DelimitedRows(path, CaseRows(fields), "\t"),
    ".parquet": lambda path, fields: ParquetRows(path, CaseRows(fields)),
}


def records_of(path: Path, fields: Fields | None) -> Records:
    """Return the records of a file, in the format that its name tells; `fields` see `Fields`."""
    return _FORMATS.get(format_suffix(path), _json_lines)(path, fields)


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

    @property
    def revision(self) -> str | None:
        """User-given name of this state of the dataset."""
        return self._revision

    @property
    def place(self) -> str:
        """The path, for messages."""
        return str(self.path)

    def parts(self) -> Iterator[Records]:
        """Yield the records of each file.

        Raises:
            DatasetError: no file matches the path.
        """
        for path in files_of(self.path):
            yield records_of(path, self.fields)


def _lines(fields: Fields | None) -> OwnKeys | MappedKeys:
    return OwnKeys() if fields is None else MappedKeys(fields)
