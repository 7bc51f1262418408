"""First reading of a dataset, from its first case to its last: its content, and the check for duplicate ids."""

import hashlib
from array import array

from themis.core.datasets.fingerprint import DatasetFingerprint, case_digest
from themis.core.datasets.sources import CaseSource
from themis.core.errors import DatasetError, DuplicateCaseIdError
from themis.core.text.lines import is_storable

_BUCKETS = 64


def read_through(source: CaseSource) -> DatasetFingerprint:
    """Read all of `source` once and return its fingerprint, which keeps 24 bytes per case.

    Raises:
        DatasetError: it cannot be read, or holds a value that JSON cannot hold, or an id that no store can keep, as its
            own may be.
        DuplicateCaseIdError: two of its cases have one id.
    """
    refuse_unstorable(source)
    digests = bytearray()
    marks = array("q")
    ids = _SeenIds()
    count = 0
    for case in source.cases(marks):
        try:
            digests += case_digest(case)
            _refuse_nul(case.case_id)
        except (TypeError, ValueError) as error:
            raise DatasetError(where=source.where(count), detail=f"case {case.case_id!r}: {error}") from None
        ids.add(case.case_id)
        count += 1
    if suspects := ids.repeated():
        _refuse_duplicates(source, suspects)
    return DatasetFingerprint(hashlib.sha256(digests).hexdigest(), count, bytes(digests), marks)


def refuse_unstorable(source: CaseSource) -> None:
    """Refuse a dataset whose id no store can keep.

    Raises:
        DatasetError: it is one.
    """
    if not is_storable(source.dataset_id):
        detail = "its id holds a NUL character or half of a character, which not every store can keep"
        raise DatasetError(where=f"dataset {source.dataset_id!r}", detail=detail)


def _refuse_nul(case_id: str) -> None:
    if "\0" in case_id:
        msg = "its id holds a NUL character, which not every store can keep"
        raise ValueError(msg)


class _SeenIds:
    """The 64-bit hashes of all ids so far, 8 bytes each, so that a million ids cost little.

    They are kept in buckets by their low bits, and only one bucket at a time is unfolded into a set.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]

    def add(self, case_id: str) -> None:
        hashed = hash(case_id)
        self._buckets[hashed % _BUCKETS].append(hashed)

    def repeated(self) -> set[int]:
        """Return the hashes that were added more than once."""
        found: set[int] = set()
        for bucket in self._buckets:
            if len(set(bucket)) < len(bucket):
                seen: set[int] = set()
                for hashed in bucket:
                    (found if hashed in seen else seen).add(hashed)
        return found


def _refuse_duplicates(source: CaseSource, suspects: set[int]) -> None:
    """Read `source` again and report the first id that really occurs twice; two ids may share a hash."""
    seen: set[str] = set()
    for index, case in enumerate(source.cases()):
        if hash(case.case_id) not in suspects:
            continue
        if case.case_id in seen:
            raise DuplicateCaseIdError(where=source.where(index), case_id=case.case_id)
        seen.add(case.case_id)
