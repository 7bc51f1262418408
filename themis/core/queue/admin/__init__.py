"""Administration of a queue: commands on jobs, pruning, the doctor, details, the forecast."""
