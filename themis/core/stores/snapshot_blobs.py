"""Snapshots as blobs, separate from the cases of their datasets, which several runs may share."""

import json
from collections.abc import Callable
from typing import Any

from themis.core.models import Case
from themis.core.snapshot import RunSnapshot
from themis.core.text.canonical import compact_json


def put_snapshot(snapshot: RunSnapshot, put_blob: Callable[[bytes], str]) -> str:
    """Save a snapshot; return its hash."""
    document = snapshot.model_dump(mode="json", exclude={"run_id": True, "datasets": {"__all__": {"cases"}}})
    for dataset, kept in zip(snapshot.datasets, document["datasets"], strict=True):
        if dataset.cases is not None:
            kept["cases"] = put_blob(compact_json([_plain(case) for case in dataset.cases]).encode())
    return put_blob(compact_json(document).encode())


def get_snapshot(digest: str, blob: Callable[[str], bytes]) -> RunSnapshot:
    """Return the snapshot saved under a hash."""
    document = json.loads(blob(digest))
    for dataset in document["datasets"]:
        if "cases" in dataset:
            dataset["cases"] = json.loads(blob(dataset["cases"]))
    return RunSnapshot.model_validate(document)


def _plain(case: Case) -> dict[str, Any]:
    """Return a case as a JSON value: its fields hold nothing else, so that no run waits for each to be copied."""
    return vars(case) if type(case) is Case else case.model_dump(mode="json")
