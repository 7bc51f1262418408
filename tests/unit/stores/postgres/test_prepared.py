"""Statements that a session repeats: they answer as any other does, and are read by the server once."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from themis.core.stores.postgres.address import connection_parameters
from themis.core.stores.postgres.session import Session

ECHO = "SELECT CAST(? AS bigint), CAST(? AS text), CAST(? AS double precision), CAST(? AS bigint)"
VALUES = (-(2**62), "ä\n'$1?", 0.1, None)
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE left(name, 6) = 'themis'"


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with closing(Session(connection_parameters(url, psycopg.pq.version()))) as made:
        yield made


def test_a_repeated_statement_answers_as_it_does_the_first_time_and_as_any_other(session: Session) -> None:
    expected = session.execute(ECHO, VALUES).fetchall()
    assert expected == [VALUES]
    assert [session.repeated(ECHO, VALUES) for _ in range(3)] == [expected] * 3
    assert session.execute(PREPARED).fetchall() == [(1,)]


def test_it_answers_with_any_number_of_rows(session: Session) -> None:
    for count in (2, 0):
        assert session.repeated("SELECT CAST(g AS text) FROM generate_series(1, CAST(? AS bigint)) g", (count,)) == [
            (str(number),) for number in range(1, count + 1)
        ]


def test_bytes_arrive_as_they_are(session: Session) -> None:
    data = bytes(range(256))
    assert session.repeated("SELECT encode(CAST(? AS bytea), 'hex')", (data,)) == [(data.hex(),)]


def test_statements_that_the_library_dropped_after_an_undone_transaction_are_read_again(session: Session) -> None:
    session.repeated(ECHO, VALUES)
    session.raw.execute("SELECT 1", prepare=True)
    session.run("BEGIN")
    session.run("ROLLBACK")
    assert session.execute(PREPARED).fetchall() == [(0,)]
    assert [session.repeated(ECHO, VALUES) for _ in range(2)] == [[VALUES]] * 2


def test_within_a_transaction_nothing_is_prepared_that_could_fail_it(session: Session) -> None:
    session.repeated(ECHO, VALUES)
    session.raw.execute("SELECT 1", prepare=True)
    session.run("BEGIN")
    session.run("ROLLBACK")
    session.run("BEGIN")
    assert session.repeated(ECHO, VALUES) == [VALUES]
    session.run("COMMIT")


def test_an_error_is_the_servers_and_leaves_the_session_as_it_was(session: Session) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.repeated("SELECT 1 / CAST(? AS bigint)", (0,))
    with pytest.raises(psycopg.errors.UndefinedTable):
        session.repeated("SELECT 1 FROM nowhere", ())
    assert session.is_idle
    assert session.repeated("SELECT 1 / CAST(? AS bigint)", (1,)) == [(1,)]


def test_a_text_with_nul_is_refused_before_it_is_cut_there(session: Session) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        session.repeated(ECHO, (1, "a\0b", 0.1, None))
    assert session.repeated(ECHO, VALUES) == [VALUES]


def test_a_session_that_has_ended_says_so(session: Session) -> None:
    session.repeated(ECHO, VALUES)
    session.close()
    with pytest.raises(psycopg.OperationalError):
        session.repeated(ECHO, VALUES)
