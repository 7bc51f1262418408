"""Dataset whose cases are the lines of a JSONL file."""

import gzip
import io
import stat
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO

from themis.core.datasets.case_lines import CaseLines, MappedKeys, OwnKeys
from themis.core.datasets.fingerprint import DatasetFingerprint, Marks, case_digest
from themis.core.errors import DatasetChangedError, DatasetError
from themis.core.models import Case
from themis.core.text.lines import one_line

MAX_LINE_BYTES = 64 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_PACKED = {_GZIP: "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip"}
_ONE_A_LINE = "cases are JSON objects, one per line (JSONL)"


class JsonlSource:
    """A file with one JSON object per line, in UTF-8; empty lines do not count. A file named `*.gz` is unpacked.

    Without `fields` a line's keys are those of a case: `input`, and optionally `case_id` (else `case-<n>`, n counting
    cases from 1), `expected_output`, `metadata`. With `fields` each is found by its dotted path, where a number picks
    an item of a list, and a line's other keys are ignored; an id that is a whole number becomes its text.
    """

    def __init__(
        self,
        dataset_id: str,
        path: str | Path,
        fields: Mapping[str, str] | None = None,
        revision: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Read from the file at `path`; it is not opened yet.

        Raises:
            DatasetError: `fields` has no path for `input`, or names a field that a case does not have.
        """
        self.dataset_id = dataset_id
        self.path = Path(path)
        self.fields = None if fields is None else dict(fields)
        self.revision = revision
        self.metadata: Mapping[str, str] = metadata or {}
        self._lines: CaseLines = OwnKeys() if fields is None else MappedKeys(fields)

    def cases(self, marks: Marks | None = None) -> Iterator[Case]:
        """Yield all cases, in the order of their lines.

        Args:
            marks: receives a hash of each line.

        Raises:
            DatasetError: the file cannot be read, or a line is not a case; the message names file and line.
        """
        for case_number, (line_number, line) in enumerate(self._filled_lines(), start=1):
            if marks is not None:
                marks.append(hash(line))
            try:
                case = self._lines.case(line, case_number)
            except ValueError as error:
                hint = _hint(self.path, line) if case_number == 1 else ""
                raise self._refusal(line_number, f"{error}{hint}") from None
            yield case

    def cases_again(self, known: DatasetFingerprint) -> Iterator[Case]:
        """Yield all cases again; only a line whose text has changed is checked in full.

        Raises:
            DatasetError: the file cannot be read any more.
            DatasetChangedError: at the first line with another case than before, or at a premature end.
        """
        marks, read = known.marks, self._lines.case_again
        case_number = 0
        for case_number, (line_number, line) in enumerate(self._filled_lines(), start=1):
            if case_number <= len(marks) and hash(line) == marks[case_number - 1]:
                yield read(line, case_number)
                continue
            try:
                case = self._lines.case(line, case_number)
            except ValueError:  # it was a case before
                case = None
            if case is None or case_digest(case) != known.digest(case_number - 1):
                raise DatasetChangedError(where=f"{self.path}:{line_number}", dataset_id=self.dataset_id)
            yield case
        if case_number < known.case_count:
            raise DatasetChangedError(where=str(self.path), dataset_id=self.dataset_id)

    def where(self, index: int) -> str:
        """Return the file and line of the case at `index` (from 0), for messages."""
        for found, (line_number, _) in enumerate(self._filled_lines()):
            if found == index:
                return f"{self.path}:{line_number}"
        return str(self.path)

    def _filled_lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with self._open() as file:
                # Not `for line in file`: that would read a line of any length into memory.
                for line_number, read in enumerate(iter(partial(file.readline, MAX_LINE_BYTES + 1), b""), start=1):
                    if len(read) > MAX_LINE_BYTES:
                        raise self._refusal(line_number, f"is longer than {MAX_LINE_BYTES // 2**20} MiB")
                    line = read.removeprefix(_BOM) if line_number == 1 else read
                    if line and not line.isspace():
                        yield line_number, line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DatasetError(where=str(self.path), detail=f"cannot be unpacked: {one_line(str(error))}") from None
        except OSError as error:
            raise DatasetError(where=str(self.path), detail=f"cannot be read: {error.strerror}") from None

    def _open(self) -> IO[bytes]:
        # Checked before it is opened: opening a FIFO would wait for somebody to write to it.
        if not stat.S_ISREG(self.path.stat().st_mode):
            raise DatasetError(where=str(self.path), detail="is not a regular file")
        if self.path.suffix == ".gz":
            return io.BufferedReader(gzip.GzipFile(self.path, "rb"), _BUFFER_BYTES)
        return self.path.open("rb", buffering=_BUFFER_BYTES)

    def _refusal(self, line_number: int, detail: str) -> DatasetError:
        return DatasetError(where=f"{self.path}:{line_number}", detail=detail)


def _hint(path: Path, first_line: bytes) -> str:
    """Return the probable kind of a file whose first line is not a case, to end a message; empty when unknown."""
    packing = next((name for magic, name in _PACKED.items() if first_line.startswith(magic)), None)
    if packing == "gzip":
        return "; it is packed with gzip: let its name end in .gz, or unpack it"
    if packing is not None:
        return f"; it is packed with {packing}: unpack it"
    if path.suffix in {".csv", ".tsv", ".parquet"}:
        return f"; {path.suffix} files are not read: {_ONE_A_LINE}"
    if first_line.lstrip().startswith(b"["):
        return f"; {_ONE_A_LINE}, without a list around them"
    return ""
