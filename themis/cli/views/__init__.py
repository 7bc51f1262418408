"""Results as people see them: tables of runs, one run, how a run has ended."""
