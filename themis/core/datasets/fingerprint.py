"""Fingerprint of a dataset's content: equal for equal cases, listed or from a file."""

import hashlib
import json
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from themis.core.models import Case
from themis.core.text.canonical import canonical_json

CASE_DIGEST_BYTES = 16

if TYPE_CHECKING:
    Marks = array[int]
else:
    Marks = array
"""Marks by which a source recognises its cases: 64 bits each."""


@dataclass(frozen=True, slots=True)
class DatasetFingerprint:
    """The content of a dataset, and the digests that identify its cases when they are read again.

    Attributes:
        content: SHA-256, as 64 hex digits, over the digests of its cases in order.
        case_count: how many cases it has.
        digests: `case_digest` of each case, one after the other; None when its content is known by its bytes, and
            no case was looked at.
        marks: the marks that its source noted while it was read; see `CaseSource.cases`.
    """

    content: str
    case_count: int
    digests: bytes | None = field(compare=False, repr=False)
    marks: Marks = field(compare=False, repr=False)

    def digest(self, index: int) -> bytes | None:
        """Return the digest of the case at `index` (from 0); None when there is no such case, or no digest is known."""
        start = index * CASE_DIGEST_BYTES
        return (self.digests or b"")[start : start + CASE_DIGEST_BYTES] or None

    def each_digest(self) -> Iterator[bytes]:
        """Yield the digests of all cases, in order, if they are known."""
        return (digest for (digest,) in struct.iter_unpack(f"{CASE_DIGEST_BYTES}s", self.digests or b""))


def case_digest(case: Case) -> bytes:
    """Return 16 bytes of the SHA-256 over the canonical JSON of a case's id, input, expected output and metadata.

    Raises:
        ValueError: the case holds NaN, an infinity, or a lone surrogate.
    """
    content = [case.case_id, case.input, case.expected_output, case.metadata]
    text = canonical_json(content)
    if "\\ud" in text:
        _refuse_lone_surrogates(content)
    return hashlib.sha256(text.encode("ascii")).digest()[:CASE_DIGEST_BYTES]


def _refuse_lone_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        msg = "holds a lone surrogate, which is half of a character"
        raise ValueError(msg) from None
