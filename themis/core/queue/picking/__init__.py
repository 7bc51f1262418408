"""The choice of the next job."""
