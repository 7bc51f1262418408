"""Cost: tokens by kind, prices of models, what a run has spent, and what that comes to in US dollars.

A run stores tokens, never dollars: a price that is corrected or added later holds for the runs before, too.
"""
