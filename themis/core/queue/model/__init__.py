"""Model of a queue: states, names, manifests, policies; values and pure functions."""
