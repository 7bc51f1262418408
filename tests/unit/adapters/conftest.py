"""One scripted server for all tests of the generators."""

from collections.abc import Iterator

import pytest

from tests.support.asked_models import ScriptedModels, scripted_models


@pytest.fixture(scope="session")
def models() -> Iterator[ScriptedModels]:
    """Models that do what a test says."""
    with scripted_models() as made:
        yield made
