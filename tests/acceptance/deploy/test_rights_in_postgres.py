"""The administrator's statements in the guide of Postgres, on a server of its own, are enough."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.acceptance.conftest import EXPERIMENT, Themis
from tests.acceptance.test_documentation import GUIDES, blocks_of
from tests.support import postgres_server

GUIDE = GUIDES / "results-in-postgres.md"
VARIABLE = "THEMIS_DATABASE_URL"

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[postgres_server.Server]:
    with postgres_server.servers_folder() as folder:
        made = postgres_server.Server(folder / "server").start()
        # The first user has the name that the guide gives to the owner, who is not to be a superuser.
        with _administrator(made, as_user=postgres_server.USER) as connection:
            connection.execute("CREATE ROLE admin SUPERUSER LOGIN")
        with _administrator(made) as connection:
            connection.execute(f"ALTER ROLE {postgres_server.USER} RENAME TO first".encode())
        yield made
        made.stop("immediate")


@contextmanager
def _administrator(
    server: postgres_server.Server, database: str = "postgres", as_user: str = "admin"
) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(server.url(database, user=as_user), autocommit=True) as connection:
        yield connection


def _statements(beginning: str) -> list[str]:
    """The statements of the guide's block that begins so."""
    (block,) = [block for block in blocks_of(GUIDE) if block.text.startswith(beginning)]
    return [text.strip() for text in block.text.split(";") if text.strip()]


def test_the_owner_makes_the_tables_and_a_worker_with_few_rights_does_the_rest(
    themis: Themis, server: postgres_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _administrator(server) as connection:
        for statement in _statements("CREATE ROLE themis LOGIN"):
            connection.execute(statement.encode())
    with _administrator(server, "themis") as connection:
        for statement in _statements("CREATE ROLE themis_worker"):
            connection.execute(statement.encode())
    themis.write(
        "experiment.yaml",
        {**EXPERIMENT, "storage": {"store": "postgres", "parameters": {"url": f"env:{VARIABLE}"}}},
    )
    owner, worker = (server.url("themis", user=user) for user in ("themis", "themis_worker"))

    monkeypatch.setenv(VARIABLE, worker)
    early = themis("run", "experiment.yaml")
    assert (early.code, early.out, early.err.count("\n")) == (4, "", 1)
    assert "themis store upgrade" in early.err

    monkeypatch.setenv(VARIABLE, owner)
    assert themis("store", "upgrade", "experiment.yaml").document["status"] == "ready"
    monkeypatch.setenv(VARIABLE, worker)
    done = themis("run", "experiment.yaml").document
    assert done["status"] == "completed"
    themis("submit", "experiment.yaml", "--set", "seeds=[7]")
    assert themis("worker", "run").document["status"] == "completed"
    (first, second) = json.loads(themis("list", "--store", f"postgres:env:{VARIABLE}", "--json").out)
    assert {first["state"], second["state"]} == {"completed"}
    replayed = themis("replay", done["run_id"], "--stage", "score", "--store", f"postgres:env:{VARIABLE}")
    assert replayed.document["status"] == "completed"
    assert themis("store", "upgrade", "experiment.yaml").code == 0, "it is harmless"
    with psycopg.connect(worker) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE of_a_worker (x int)")
