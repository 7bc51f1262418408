"""Single values with their grammar and bounds: numbers and tags."""
