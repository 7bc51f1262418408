"""Statements of one connection that are repeated all the time: read by the server once, and then only named.

A cursor of the client library is made for everything that may be asked, and costs several times what a short statement
costs to send. Here are only texts, numbers and bytes on the way there, and texts and numbers on the way back.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import generators
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

_ANSWERED = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})
_KINDS: dict[int, Callable[[bytes], Any]] = {20: int, 21: int, 23: int, 25: bytes.decode, 701: float}
"""How the values of a column are read, by the number of its type: whole numbers, texts, and floating-point numbers."""


class PreparedStatements:
    """Repeated statements of one connection in which each statement is a transaction."""

    def __init__(self, raw: "psycopg.Connection[Any]") -> None:
        """Prepare statements on `raw` at their first use."""
        self._raw = raw
        self._names: dict[str, bytes] = {}
        self._numbers = itertools.count()
        self._readers: dict[str, tuple[Callable[[bytes], Any], ...]] = {}

    def rows(self, sql: str, params: Sequence[str | int | float | bytes | None]) -> list[tuple[Any, ...]]:
        """Run a statement in which `$1` and so on stand for the values; return its rows.

        Raises:
            psycopg.Error: the server refused it, or was lost before or after it has done what it was asked.
        """
        try:
            return self._read(sql, self._run(sql, params))
        except InvalidSqlStatementName:
            # The library drops all statements of a connection after a transaction that was undone, and the server did
            # nothing yet.
            self._names.clear()
            return self._read(sql, self._run(sql, params))

    def _run(self, sql: str, params: Sequence[str | int | float | bytes | None]) -> PGresult:
        connection = self._raw.pgconn
        name = self._names.get(sql)
        if name is None:
            name = f"themis_{next(self._numbers)}".encode()  # never one again: an interrupt may hide that it was made
            connection.send_prepare(name, sql.encode())
            self._answer()
            self._names[sql] = name
        formats = [Format.BINARY if isinstance(value, bytes) else Format.TEXT for value in params]
        connection.send_query_prepared(name, [_sent(value) for value in params], param_formats=formats)
        return self._answer()

    def _answer(self) -> PGresult:
        """Wait as the library does: an interrupt cancels the statement in the server, too."""
        result: PGresult = self._raw.wait(generators.execute(self._raw.pgconn))[-1]
        if result.status not in _ANSWERED:
            raise error_from_result(result)
        return result

    def _read(self, sql: str, result: PGresult) -> list[tuple[Any, ...]]:
        readers = self._readers.get(sql)
        if readers is None:
            readers = self._readers[sql] = tuple(_KINDS[result.ftype(column)] for column in range(result.nfields))
        found, columns = result.get_value, tuple(enumerate(readers))
        return [tuple(_value(found(row, no), read) for no, read in columns) for row in range(result.ntuples)]


def _value(sent: bytes | None, read: Callable[[bytes], Any]) -> Any:
    return None if sent is None else read(sent)


def _sent(value: str | float | bytes | None) -> bytes | None:
    if isinstance(value, str):
        if "\0" in value:  # it would end there
            msg = "a text of Postgres cannot contain NUL (0x00)"
            raise psycopg.DataError(msg)
        return value.encode()
    if isinstance(value, int):
        return b"%d" % value
    return value if value is None or isinstance(value, bytes) else repr(value).encode()
