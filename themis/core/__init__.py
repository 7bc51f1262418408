"""The library: nothing here knows the commands or the workers."""
