"""Standard errors: independent and in clusters."""

import numpy as np
import pytest

from themis.core.comparison.clusters import clustered_standard_error, standard_error


def test_cases_that_are_clusters_of_their_own_are_independent() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    assert clustered_standard_error(values, np.arange(7)) == pytest.approx(standard_error(values))


def test_copies_of_a_case_in_one_cluster_say_nothing_new() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    copied = np.repeat(values, 4)
    assert clustered_standard_error(copied, np.repeat(np.arange(5), 4)) == pytest.approx(standard_error(values))
    assert standard_error(copied) < 0.6 * standard_error(values)  # type: ignore[operator]


def test_the_figure_is_that_of_a_regression_with_clustered_errors() -> None:
    # statsmodels 0.14, OLS of the values on a constant, cov_type="cluster" without its correction, times 4 / 3.
    values = np.array([1.0, 0.8, 0.2, 0.1, 0.9, 1.0, 0.4, 0.3, 0.0])
    clusters = np.array([0, 0, 1, 1, 2, 2, 2, 3, 3])
    assert clustered_standard_error(values, clusters) == pytest.approx(0.16544131170219004 * (4 / 3) ** 0.5)


def test_one_case_and_one_cluster_have_none() -> None:
    assert standard_error(np.array([1.0])) is None
    assert clustered_standard_error(np.array([1.0, 0.0]), np.array([0, 0])) is None
