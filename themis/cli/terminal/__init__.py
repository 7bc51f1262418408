"""Input and output of commands at a terminal: tables, progress, streams, times, interrupts."""
