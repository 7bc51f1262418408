"""Queues, as a store keeps them: rows of those without a folder, and links between jobs."""
