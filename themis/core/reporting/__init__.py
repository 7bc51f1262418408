"""The forms of a report on a run: what a row is in each, and what a run is summed up as."""
