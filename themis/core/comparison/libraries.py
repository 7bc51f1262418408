"""The numerical libraries of this room, and what to install where they are missing."""

from themis.core.errors import MissingExtraError

try:
    import numpy as np
    from numpy.typing import NDArray
    from scipy import special  # not scipy.stats, whose import takes a second
except ImportError as error:
    raise MissingExtraError(
        reference="a comparison of runs", package=error.name or "scipy", distribution="themis-eval", extra="stats"
    ) from None

__all__ = ["NDArray", "np", "special"]
