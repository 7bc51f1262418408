"""Differences of two runs: why their ids differ, and what the second one would use of the first."""

from themis.core.run_differences.differences import RunDifference, difference_of
from themis.core.run_differences.sides import Side, compiled_side, stored_side

__all__ = ["RunDifference", "Side", "compiled_side", "difference_of", "stored_side"]
