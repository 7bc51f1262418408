"""Where things are that no configuration names, as seen from the config file, or from the current folder."""

DEFAULT_STORE_PATH = "runs/themis.sqlite3"
DEFAULT_QUEUE_ROOT = "runs/queue"
DEFAULT_BATCH_ROOT = "runs/batch"
