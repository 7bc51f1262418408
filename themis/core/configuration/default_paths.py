"""Default paths for what a configuration does not name, relative to the config file or the current folder."""

DEFAULT_STORE_KIND = "sqlite"
DEFAULT_STORE_PATH = "runs/themis.sqlite3"
STORE_DEFAULTS = {DEFAULT_STORE_KIND: {"path": DEFAULT_STORE_PATH}}
"""Default parameters of a kind of store, for a config file that leaves them out."""

DEFAULT_QUEUE_ROOT = "runs/queue"
DEFAULT_BATCH_ROOT = "runs/batch"

OWN_STORE = "store"
"""Name of a queue that is in an experiment's own results store, and has no folder."""

IN_STORE = f"{OWN_STORE}:"
"""Beginning of the name of a queue that is in the store with the address that follows."""


def is_in_store(queue_root: str) -> bool:
    """Whether the name of a queue is that of rows in a store, and not the path of a folder."""
    return queue_root == OWN_STORE or queue_root.startswith(IN_STORE)
