"""Configuration files: their text, their paths, and the secrets that they refer to."""
