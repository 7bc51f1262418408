"""Groups of runs as they are now."""
