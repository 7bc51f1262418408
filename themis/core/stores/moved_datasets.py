"""Moved datasets of a stored run: the current locations of their files, which are not part of the run's identity."""

import json
from collections.abc import Callable

from themis.core.text.canonical import compact_json


def with_moved_datasets(snapshot: bytes, new_path: Callable[[str, str], str]) -> bytes | None:
    """Return the text of a snapshot with the current locations of its datasets; None when nothing changes.

    Args:
        snapshot: the stored text.
        new_path: returns the current path of a dataset, given its id and the recorded path of its file.
    """
    document = json.loads(snapshot)
    changed = False
    for dataset in document["datasets"]:
        if (path := dataset.get("path")) and (now := new_path(dataset["dataset_id"], path)) != path:
            dataset["path"], changed = now, True
    return compact_json(document).encode() if changed else None
