"""Comparisons of runs by their scores of the same cases. Its modules import numpy and scipy: the extra `stats`."""
