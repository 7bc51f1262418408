"""Where the datasets of a stored run lie, when their files have been moved: no part of what the run is."""

import json
from collections.abc import Callable

from themis.core.canonical import bytes_hash, compact_json
from themis.core.stores.sql import runs as sql
from themis.core.stores.sqlite_database import Database


def move_run(database: Database, run_id: str, new_path: Callable[[str, str], str]) -> None:
    """Have a run, if it is there, read its datasets from where they are now.

    Args:
        database: that keeps the run.
        run_id: the run.
        new_path: given a dataset's id and the path of its file, the path that it has now.
    """
    found = database.query_one(sql.SELECT_SNAPSHOT, (run_id,))
    blob = None if found is None else database.query_one(sql.SELECT_BLOB, (found[0],))
    if blob is None:
        return
    document = json.loads(bytes(blob[0]))
    changed = False
    for dataset in document["datasets"]:
        if (path := dataset.get("path")) and (now := new_path(dataset["dataset_id"], path)) != path:
            dataset["path"], changed = now, True
    if changed:
        data = compact_json(document).encode()
        with database.transaction() as connection:
            connection.execute(sql.insert_blobs(1), (bytes_hash(data), data))
            connection.execute(sql.UPDATE_SNAPSHOT, (bytes_hash(data), run_id))
