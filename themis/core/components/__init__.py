"""Components: loading them from a user's reference, and the facts that decide their identity."""
