"""Queues without a folder, as a store keeps them: the port, and the shapes of its rows."""
