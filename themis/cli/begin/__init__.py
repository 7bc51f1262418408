"""Parts of the commands that one begins with: models named in short, starting files, and trying out a model."""
