"""Groups of runs: submitted as a sweep, shown, waited for, reported and compared together."""
