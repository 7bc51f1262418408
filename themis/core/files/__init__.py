"""Safe writing and reading of files: durable through a crash, and protected against links and pipes."""
