"""Merging of stores into the tables of a database: statements, and the order in which they are run."""
