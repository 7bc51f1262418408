"""Default paths for what a configuration does not name, relative to the config file or the current folder."""

DEFAULT_STORE_KIND = "sqlite"
DEFAULT_STORE_PATH = "runs/themis.sqlite3"
STORE_DEFAULTS = {DEFAULT_STORE_KIND: {"path": DEFAULT_STORE_PATH}}
"""Default parameters of a kind of store, for a config file that leaves them out."""

DEFAULT_QUEUE_ROOT = "runs/queue"
DEFAULT_BATCH_ROOT = "runs/batch"
