"""Generator that replays stored outputs."""

import hashlib
import os
import stat
import weakref
from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from pydantic_core import from_json

from themis.core.base import JSONValue
from themis.core.builtins.component import BuiltinComponent
from themis.core.contexts import GenerateContext
from themis.core.errors import ReplayError
from themis.core.models import Case, GenerationResult

MAX_LINE_BYTES = 64 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_ABSENT = object()


class ReplayGenerator(BuiltinComponent):
    """Answers each case with its output from a JSONL file, one line per case.

    The file is read once when the generator is created: the ids, and the position of each line, stay in memory; the
    outputs stay in the file. A line without an output fails only its own case; a file without any output is refused.
    The fingerprint is that of the file's content, so the same file at another path is the same generator.
    """

    component_id = "builtin/replay_generator"

    def __init__(self, path: str, output: str, case_id: str = "case_id") -> None:
        """Index the file at `path`, relative to the working directory.

        Args:
            path: the JSONL file.
            output: dotted path of the output in a line's object, such as `solutions.small.text`.
            case_id: dotted path of the case's id.

        Raises:
            ReplayError: the file cannot be read, a line is not a JSON object with an id, an id appears twice, or no
                line has an output. The message names file and line.
        """
        self._path = Path(os.path.expanduser(path)).absolute()  # noqa: PTH111  # an unknown user's stays as it is
        self._output = output
        self._case_id = case_id
        self._row_by_id: dict[str, int] = {}
        self._starts, self._lengths, self._line_numbers = array("q"), array("l"), array("q")
        self._descriptor = self._open()
        weakref.finalize(self, os.close, self._descriptor)
        self._content = self._index()

    @property
    def arguments(self) -> dict[str, JSONValue]:
        """The facts that decide the outputs: the file's content, and the paths of the values in it."""
        return {"content": self._content, "output": self._output, "case_id": self._case_id}

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        """Return the stored output for `case`; each candidate gets the same one.

        Raises:
            ReplayError: the file has no line for the case, no output in it, or was changed in the meantime.
        """
        row = self._row_by_id.get(case.case_id)
        if row is None:
            self._refuse(None, f"holds no output for case {case.case_id!r}")
        line_number = self._line_numbers[row]
        line = os.pread(self._descriptor, self._lengths[row], self._starts[row])
        value = self._object(line, line_number)
        if self._id(value, line_number) != case.case_id:
            self._refuse(line_number, "was changed while it was replayed")
        found = _at(value, self._output)
        if found is _ABSENT:
            self._refuse(line_number, f"has no {self._output!r}")
        return GenerationResult(
            candidate_id=f"{case.case_id}-replay-{ctx.seed or 0}", final_output=found, artifacts={"line": line_number}
        )

    def _open(self) -> int:
        try:
            # Checked before it is opened: opening a FIFO would wait for somebody to write to it.
            if not stat.S_ISREG(self._path.stat().st_mode):
                self._refuse(None, "is not a regular file")
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._refuse(None, f"cannot be read: {error.strerror}")

    def _index(self) -> str:
        """Fill the index and return the SHA-256 of the content."""
        content = hashlib.sha256()
        outputs = start = 0
        for line_number, line in enumerate(self._lines(), start=1):
            content.update(line)
            body = line.removeprefix(_BOM) if line_number == 1 else line
            if body and not body.isspace():
                value = self._object(body, line_number)
                case_id = self._id(value, line_number)
                if case_id in self._row_by_id:
                    self._refuse(line_number, f"case id {case_id!r} appears twice")
                self._row_by_id[case_id] = len(self._starts)
                self._starts.append(start + len(line) - len(body))
                self._lengths.append(len(body))
                self._line_numbers.append(line_number)
                outputs += _at(value, self._output) is not _ABSENT
            start += len(line)
        if not outputs:
            self._refuse(None, f"no line has {self._output!r}")
        return content.hexdigest()

    def _lines(self) -> Iterator[bytes]:
        with os.fdopen(self._descriptor, "rb", buffering=_BUFFER_BYTES, closefd=False) as file:
            for line_number, line in enumerate(iter(partial(file.readline, MAX_LINE_BYTES + 1), b""), start=1):
                if len(line) > MAX_LINE_BYTES:
                    self._refuse(line_number, f"is longer than {MAX_LINE_BYTES // 2**20} MiB")
                yield line

    def _object(self, line: bytes, line_number: int) -> dict[str, Any]:
        try:
            value = from_json(line, allow_inf_nan=False)
        except ValueError as error:
            if line.startswith(_GZIP):
                self._refuse(None, "is packed with gzip; unpack it, as outputs are read by position")
            # The reader counts lines too, but sees only this one.
            self._refuse(line_number, f"is not JSON: {str(error).replace('line 1 ', '')}")
        if not isinstance(value, dict):
            self._refuse(line_number, "must be a JSON object")
        return value

    def _id(self, value: dict[str, Any], line_number: int) -> str:
        case_id = _at(value, self._case_id)
        if type(case_id) is int:
            return str(case_id)
        if not isinstance(case_id, str):
            self._refuse(line_number, f"has no text at {self._case_id!r}, where the case's id should be")
        return case_id

    def _refuse(self, line_number: int | None, detail: str) -> NoReturn:
        where = str(self._path) if line_number is None else f"{self._path}:{line_number}"
        raise ReplayError(where=where, detail=detail)


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and len(key) < 10 and int(key) < len(value):  # noqa: PLR2004
            value = value[int(key)]
        else:
            return _ABSENT
    return value
