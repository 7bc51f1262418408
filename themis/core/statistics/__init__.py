"""Figures from scores: exact sums, means and their confidence intervals."""
