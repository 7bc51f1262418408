"""Runs and jobs in the tables of a database: statements and methods that all kinds of databases share."""
