"""Identity of work: by what outcomes are reused, and the seeds that follow from it."""
