"""Folder of a queue: its files, locks, leases and journal."""
