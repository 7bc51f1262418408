"""Snapshots as blobs, separate from the cases of their datasets, which several runs may share.

The cases of a dataset are in blobs of at most `CASES_PER_BLOB`, which are read one at a time. The snapshot names them:
`cases` is the hash of the only one, or `parts` are the hashes of several, each with the number of its cases.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from themis.core.errors import StoreCorruptError
from themis.core.models import Case
from themis.core.result_views.on_demand import ItemsInParts
from themis.core.snapshot import RunSnapshot
from themis.core.text.canonical import bytes_hash, compact_json

CASES_PER_BLOB = 10_000
"""Cases in one blob: a process has those of one in memory."""

CHARACTERS_PER_BLOB = 8 * 1024 * 1024
"""Characters of JSON after which a blob ends earlier, so that large cases need no more memory than many."""

_IN_PARTS = (
    "(in parts, which a later version of Themis reads)"  # a version that knows no parts says that this is missing
)

_CASES = TypeAdapter(list[Case])


def put_snapshot(snapshot: RunSnapshot, put_blob: Callable[[bytes], str]) -> str:
    """Save a snapshot; return its hash."""
    document = snapshot.model_dump(mode="json", exclude={"run_id": True, "datasets": {"__all__": {"cases"}}})
    for dataset, kept in zip(snapshot.datasets, document["datasets"], strict=True):
        if dataset.cases is not None:
            parts = [(put_blob(text.encode()), count) for text, count in _parts(dataset.cases)]
            kept.update({"cases": parts[0][0]} if len(parts) == 1 else {"cases": _IN_PARTS, "parts": parts})
    return put_blob(compact_json(document).encode())


def get_snapshot(digest: str, blob: Callable[[str], bytes], label: str) -> RunSnapshot:
    """Return the snapshot saved under a hash; the cases of its datasets are read when they are used.

    Args:
        digest: the hash.
        blob: returns the bytes that were saved under a hash.
        label: location of the store, for messages.

    Raises:
        StoreCorruptError: also while cases are read: they are not what was saved.
    """
    document = json.loads(blob(digest))
    for dataset in document["datasets"]:
        if "cases" in dataset:
            parts = dataset.pop("parts", None) or [(dataset["cases"], dataset["case_count"])]
            dataset["cases"] = ItemsInParts[Case](parts, partial(_read, blob, label))
    return RunSnapshot.model_validate(document)


def _parts(cases: Iterable[Case]) -> Iterator[tuple[str, int]]:
    """Yield the JSON of each blob, and the number of its cases; of no cases it is one blob."""
    texts: list[str] = []
    characters = 0
    for case in cases:
        text = compact_json(_plain(case))
        if len(texts) == CASES_PER_BLOB or (texts and characters + len(text) > CHARACTERS_PER_BLOB):
            yield _joined(texts)
            texts, characters = [], 0
        texts.append(text)
        characters += len(text)
    yield _joined(texts)


def _joined(texts: list[str]) -> tuple[str, int]:
    return f"[{','.join(texts)}]", len(texts)


def _read(blob: Callable[[str], bytes], label: str, digest: str, count: int) -> list[Case]:
    data = blob(digest)
    if bytes_hash(data) != digest:
        raise StoreCorruptError(path=label, detail=f"the cases {digest} are not those that were saved")
    cases = _CASES.validate_python(json.loads(data))
    if len(cases) != count:
        raise StoreCorruptError(path=label, detail=f"the cases {digest} are {len(cases):,}, not {count:,}")
    return cases


def _plain(case: Case) -> dict[str, Any]:
    """Return a case as a JSON value: its fields hold nothing else, so that no run waits for each to be copied."""
    return vars(case) if type(case) is Case else case.model_dump(mode="json")
