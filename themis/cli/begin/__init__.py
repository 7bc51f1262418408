"""Parts of the commands that one begins with: models named in short, starting files, estimates, trials of a model."""
