"""Queue of rows in a results store, for workers of many hosts: no folder is shared."""
