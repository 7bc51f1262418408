"""The numerical libraries of this room, and what to install where they are missing."""

from themis.core.errors import MissingExtraError


def _missing(error: ImportError) -> MissingExtraError:
    package = error.name or "scipy"
    return MissingExtraError(
        reference="a comparison of runs", package=package, distribution="themis-eval", extra="stats"
    )


try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as error:
    raise _missing(error) from None


def student_probability(value: float, freedom: int) -> float:
    """Return the probability that Student's t is below a value.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    try:
        from scipy import special  # noqa: PLC0415  # takes longer than most comparisons, and few need it
    except ImportError as error:
        raise _missing(error) from None
    return float(special.stdtr(freedom, value))


__all__ = ["NDArray", "np", "student_probability"]
