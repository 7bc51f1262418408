"""Merging of SQLite files, and into one."""
