"""Stores of earlier versions, made from those of this one."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from themis.core.stores.sql.tables import SCHEMA_VERSION, UPGRADES

_UNDONE = (
    (re.compile(r"\s*ALTER TABLE (\w+) ADD COLUMN (\w+)"), "ALTER TABLE {} DROP COLUMN {}"),
    (re.compile(r"\s*CREATE TABLE (?:IF NOT EXISTS )?(\w+)"), "DROP TABLE {}"),
    (re.compile(r"\s*CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?(\w+)"), "DROP INDEX {}"),
)


def put_back(path: Path, version: int) -> None:
    """Undo what the steps after schema `version` have added to a SQLite store: their tables, columns and indexes."""
    with closing(sqlite3.connect(path)) as database:
        for statement in undoing(version):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {version:d}")
        database.commit()


def undoing(version: int) -> list[str]:
    """Return the statements that undo what the steps after schema `version` have added, for any database."""
    later = [step for number in range(version, SCHEMA_VERSION) for step in UPGRADES[number]]
    return [_undone(step) for step in reversed(later)]


def _undone(step: str) -> str:
    for made, undone in _UNDONE:
        if found := made.match(step):
            return undone.format(*found.groups())
    raise AssertionError(step)
