"""Help on the command line: the groups of commands, `themis help`, and the script that completes commands."""
