"""One case through the stages."""
