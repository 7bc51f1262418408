"""What all tests share."""

import pytest
from hypothesis import settings

# The machine may be busy with the other tests' processes: an example that takes long says nothing about the code.
settings.register_profile("themis", deadline=None)
settings.load_profile("themis")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="slow tests try a sample of what they try in full")


@pytest.fixture(scope="session")
def short(request: pytest.FixtureRequest) -> bool:
    """Whether a slow test should try a sample only."""
    return bool(request.config.getoption("--short"))
