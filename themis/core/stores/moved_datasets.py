"""Current paths of a stored run's datasets whose files were moved; not part of the run's identity."""

import json
from collections.abc import Callable

from themis.core.text.canonical import compact_json


def with_moved_datasets(snapshot: bytes, new_path: Callable[[str, str], str]) -> bytes | None:
    """The text of a snapshot whose datasets are read from where they are now; None when they are where they were.

    Args:
        snapshot: its text, as it is kept.
        new_path: given a dataset's id and the path of its file, the path that it has now.
    """
    document = json.loads(snapshot)
    changed = False
    for dataset in document["datasets"]:
        if (path := dataset.get("path")) and (now := new_path(dataset["dataset_id"], path)) != path:
            dataset["path"], changed = now, True
    return compact_json(document).encode() if changed else None
