"""Choice of the next job."""
