"""Number of candidates per case, and whether it fits the seeds that are given."""

from difflib import get_close_matches

from themis.core.config import ExperimentConfig
from themis.core.errors import ConfigError
from themis.core.snapshot import COUNT_KEYS, candidate_count

_MISTYPED = 0.8
"""Similarity, from 0 to 1, above which an unknown key of a candidate policy counts as a misspelled one."""


def checked_count(config: ExperimentConfig, where: str) -> int:
    """Return how many candidates there are per case.

    Raises:
        ConfigError: the policy has a key that looks mistyped or no valid number, or there is not one seed for each.
    """
    policy = config.generation.candidate_policy
    for key in policy:
        near = get_close_matches(key, COUNT_KEYS, n=1, cutoff=_MISTYPED)
        if near and key not in COUNT_KEYS:
            detail = f"generation.candidate_policy: unknown key {key!r}; did you mean {near[0]!r}?"
            raise ConfigError(where=where, detail=detail)
    try:
        count = candidate_count(policy)
    except ValueError as error:
        raise ConfigError(where=where, detail=f"generation.{error}") from None
    if config.seeds and len(config.seeds) != count:
        detail = f"seeds: there are {len(config.seeds)}, but {count} candidates per case; give one for each, or none"
        raise ConfigError(where=where, detail=detail)
    return count
