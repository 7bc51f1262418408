"""Where things are that no configuration names, as seen from the config file, or from the current folder."""

DEFAULT_STORE_KIND = "sqlite"
DEFAULT_STORE_PATH = "runs/themis.sqlite3"
STORE_DEFAULTS = {DEFAULT_STORE_KIND: {"path": DEFAULT_STORE_PATH}}
"""The parameters that a kind of store has where a config file leaves them out."""

DEFAULT_QUEUE_ROOT = "runs/queue"
DEFAULT_BATCH_ROOT = "runs/batch"
