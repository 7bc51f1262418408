"""The stores that each contract is tried on."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.stores import EACH_STORE, STORES
from themis.core.stores.protocol import RunStore


@pytest.fixture(params=EACH_STORE)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    with closing(STORES[request.param](tmp_path)) as made:
        yield made
