"""Store in a Postgres database."""
