"""Workers that can be left alone: the long-running side of a queue, above the library and below the commands."""
