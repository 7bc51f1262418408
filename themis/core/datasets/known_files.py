"""Files of cases that were read before: their content is known by their bytes, without a look at any case.

What is known of a file is a short text that a store keeps: the hash of its bytes, the fingerprint of its content, and
how many cases it has. It is kept under the rules by which a record becomes a case, and the sizes of the files. A file
with any other byte is read in full, as is one of which nothing is known; so losing or mistaking the text costs time,
and nothing else.
"""

import json
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pydantic
from pydantic_core import to_jsonable_python

from themis.core.components.provenance import themis_version
from themis.core.datasets.file_source import FileSource
from themis.core.datasets.fingerprint import DatasetFingerprint, Marks
from themis.core.datasets.first_reading import read_through, refuse_unstorable
from themis.core.datasets.sources import CaseSource
from themis.core.errors import DatasetError, ThemisError
from themis.core.text.canonical import content_hash

Find = Callable[[str], str | None]

_READING = 1
"""The version of what is kept, and of how a line becomes a case; it rises with each change of these."""

_HEX_DIGITS = 64


class KnownFile(NamedTuple):
    """Knowledge of the files of a dataset.

    Attributes:
        bytes_hash: SHA-256 over the hashes of their bytes, unpacked.
        content: the content of the fingerprint.
        case_count: how many cases they have.
    """

    bytes_hash: str
    content: str
    case_count: int


class KnownFiles:
    """Reads datasets, and notes what is known of their files from then on.

    Attributes:
        found: what was not known before, as texts by their keys.
    """

    def __init__(self, find: Find | None = None) -> None:
        """Look up by `find` what was noted before; None when nothing was."""
        self._find = find
        self.found: dict[str, str] = {}

    def read(self, source: CaseSource) -> DatasetFingerprint:
        """Return the fingerprint of a dataset, without the digests of its cases if the bytes of its files are known.

        Raises:
            DatasetError: as `read_through`, which reads what is not known.
        """
        if not isinstance(source, FileSource) or not source.is_plain_lines:
            return read_through(source)
        refuse_unstorable(source)
        try:
            key = _key(source)
        except OSError:  # the reading says why
            return read_through(source)
        known = self._known(key)
        if known is not None and (marks := _marks_of(source, known)) is not None:
            return DatasetFingerprint(known.content, known.case_count, None, marks)
        watched = source.watched()
        found = read_through(watched)
        self.found[key] = json.dumps(KnownFile(watched.bytes_hash(), found.content, found.case_count)._asdict())
        return found

    def _known(self, key: str) -> KnownFile | None:
        """What was noted under a key, if it is of this form."""
        text = None
        if self._find is not None:
            with suppress(ThemisError):  # who writes to the store says what is wrong with it
                text = self._find(key)
        try:
            known = KnownFile(**json.loads(text or ""))
        except (ValueError, TypeError):
            return None
        return known if len(str(known.content)) == _HEX_DIGITS else None


def _marks_of(source: FileSource, known: KnownFile) -> Marks | None:
    """Return the marks of all records of files that have exactly the known bytes, else None."""
    watched, marks = source.watched(), array("q")
    try:
        for batch in watched.batches():
            marks.extend(map(batch.records.mark, batch.found))
    except DatasetError:
        return None
    return marks if watched.bytes_hash() == known.bytes_hash and len(marks) == known.case_count else None


def _key(source: FileSource) -> str:
    """Return the key of the files of a dataset and the rules by which they are read.

    Raises:
        OSError: one is not there.
    """
    selection = source.selection
    rules = {
        "reading": _READING,
        "versions": [themis_version(), pydantic.VERSION, list(sys.version_info[:2])],
        "fields": to_jsonable_python(source.field_paths),
        "choices": selection.choices.model_dump(mode="json"),
        "shuffle_choices": selection.shuffle_choices,
        "sizes": source.sizes(),
    }
    return content_hash(rules)
