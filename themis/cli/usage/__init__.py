"""Usage of a command, as it is shown: examples in its help, and better words for what is not understood."""
