"""A store in an empty schema of the server that all tests share."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support import postgres_server
from themis.core.stores.postgres.store import PostgresRunStore


@pytest.fixture
def url() -> str:
    return postgres_server.schema_url()


@pytest.fixture
def store(url: str) -> Iterator[PostgresRunStore]:
    with closing(PostgresRunStore(url, busy_timeout_s=5)) as made:
        made.initialize()
        yield made
