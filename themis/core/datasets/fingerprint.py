"""What a dataset holds, as one hash: the same cases have the same one, listed or from a file."""

import hashlib
import json
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from themis.core.canonical import canonical_json
from themis.core.datasets.sources import CaseSource
from themis.core.errors import DatasetError, DuplicateCaseIdError
from themis.core.models import Case

CASE_DIGEST_BYTES = 16
PROGRESS_EVERY_CASES = 4096
_BUCKETS = 64


@dataclass(frozen=True, slots=True)
class DatasetFingerprint:
    """The content of a dataset.

    Attributes:
        content: SHA-256, as 64 hex digits, over the digests of its cases in order.
        case_count: how many cases it has.
    """

    content: str
    case_count: int


def case_digest(case: Case) -> bytes:
    """The first 16 bytes of SHA-256 over the canonical JSON of a case's id, input, expected output and metadata.

    Raises:
        ValueError: the case holds NaN, an infinity, or a lone surrogate.
    """
    content = [case.case_id, case.input, case.expected_output, case.metadata]
    text = canonical_json(content)
    if "\\ud" in text:
        _refuse_lone_surrogates(content)
    return hashlib.sha256(text.encode("ascii")).digest()[:CASE_DIGEST_BYTES]


def fingerprint(source: CaseSource, on_progress: Callable[[int], None] | None = None) -> DatasetFingerprint:
    """Read all of `source` once and say what it holds.

    Args:
        source: the dataset.
        on_progress: called now and then with the number of cases read so far.

    Raises:
        DatasetError: it cannot be read, or holds what JSON cannot.
        DuplicateCaseIdError: two of its cases have one id.
    """
    total = hashlib.sha256()
    ids = _SeenIds()
    count = 0
    for case in source.cases():
        try:
            total.update(case_digest(case))
        except ValueError as error:
            raise DatasetError(where=source.where(count), detail=f"case {case.case_id!r}: {error}") from None
        ids.add(case.case_id)
        count += 1
        if on_progress is not None and count % PROGRESS_EVERY_CASES == 0:
            on_progress(count)
    if suspects := ids.repeated():
        _refuse_duplicates(source, suspects)
    return DatasetFingerprint(content=total.hexdigest(), case_count=count)


class _SeenIds:
    """The 64-bit hashes of all ids so far: 8 bytes each, so that a million cost little.

    They are kept in buckets by their low bits, and only one bucket at a time is unfolded into a set.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]

    def add(self, case_id: str) -> None:
        hashed = hash(case_id)
        self._buckets[hashed % _BUCKETS].append(hashed)

    def repeated(self) -> set[int]:
        """Hashes that were added more than once."""
        found: set[int] = set()
        for bucket in self._buckets:
            if len(set(bucket)) < len(bucket):
                seen: set[int] = set()
                for hashed in bucket:
                    (found if hashed in seen else seen).add(hashed)
        return found


def _refuse_duplicates(source: CaseSource, suspects: set[int]) -> None:
    """Read `source` again and name the first id that is really there twice; two ids may share a hash."""
    seen: set[str] = set()
    for index, case in enumerate(source.cases()):
        if hash(case.case_id) not in suspects:
            continue
        if case.case_id in seen:
            raise DuplicateCaseIdError(where=source.where(index), case_id=case.case_id)
        seen.add(case.case_id)


def _refuse_lone_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        msg = "holds a lone surrogate, which is half of a character"
        raise ValueError(msg) from None
