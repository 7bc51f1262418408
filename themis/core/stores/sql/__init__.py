"""Every SQL statement, in one place, plain enough for another database to run."""
