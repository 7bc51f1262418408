"""Schema of a store in Postgres: tables are made in an empty place and upgraded in an older one, all or nothing.

Its number is a row of `store_meta`; what numbers mean is in `themis.core.stores.sql.schema_numbers`. Processes that
come at the same time wait for each other under an advisory lock.
"""

from themis.core.errors import StoreAccessError, StoreCorruptError, StoreError, StoreMissingError
from themis.core.stores.postgres.database import PostgresDatabase
from themis.core.stores.postgres.tables import SCHEMA, SCHEMA_VERSION, UPGRADES
from themis.core.stores.sql.job_statements import SELECT_META, TOUCH_META
from themis.core.stores.sql.schema_numbers import is_usable, refuse_newer, steps_between

_SCHEMA = "schema"
# By a query of the catalogue: `to_regclass` may answer by what a session knew before it waited for the lock.
_FOUND = (
    "SELECT count(*) FILTER (WHERE relname = 'store_meta') > 0, count(*) FILTER (WHERE relname = 'runs') > 0 "
    "FROM pg_catalog.pg_class WHERE relname IN ('store_meta', 'runs') AND pg_catalog.pg_table_is_visible(oid)"
)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('themis schema ' || coalesce(current_schema(), ''), 0))"


def version_of(database: PostgresDatabase) -> int | None:
    """Return the version of a store's tables, of no later generation than this one's; None when there are none.

    Raises:
        NewerSchemaError: a newer Themis made them.
        StoreCorruptError: they are not those of a store.
    """
    has_meta, has_runs = database.query(_FOUND)[0]
    if not has_meta and not has_runs:
        return None
    row = database.query_one(SELECT_META, (_SCHEMA,)) if has_meta else None
    if row is None or not str(row[0]).isdecimal():
        raise StoreCorruptError(path=database.label, detail="it has tables of another application")
    found = int(row[0])
    refuse_newer(database.label, found, SCHEMA_VERSION)
    return found


def ensure(database: PostgresDatabase) -> None:
    """Make or upgrade the tables, unless they can be used as they are.

    Raises:
        NewerSchemaError: a newer Themis made them, so that this one cannot use them.
        StoreError: they are to be made or upgraded, and this role may not.
    """
    found = version_of(database)
    if found is not None and is_usable(found, SCHEMA_VERSION):
        return
    try:
        _upgrade(database)
    except StoreAccessError as error:
        had = "has no tables" if found is None else f"has tables of schema {found}, and this version needs another"
        detail = f"{had}; let the owner of the database run `themis store upgrade` ({error.facts['detail']})"
        raise StoreError(path=database.label, detail=detail) from error


def _upgrade(database: PostgresDatabase) -> None:
    with database.transaction() as session:
        session.execute(_LOCK)
        found = version_of(database)
        if found is not None and is_usable(found, SCHEMA_VERSION):
            return  # another process was faster
        label = database.label
        steps = SCHEMA if found is None else steps_between(label, found, SCHEMA_VERSION, UPGRADES)
        session.run(";".join(steps))
        session.execute(TOUCH_META, (_SCHEMA, str(SCHEMA_VERSION)))


def is_there(database: PostgresDatabase) -> bool:
    """Whether a database has the tables of a store."""
    return version_of(database) is not None


def check_readable(database: PostgresDatabase) -> None:
    """Check that a store can be read by this version.

    Raises:
        StoreMissingError: the database has no tables of a store.
        StoreError: they are of an older version.
    """
    found = version_of(database)
    if found is None:
        raise StoreMissingError(path=database.label)
    if not is_usable(found, SCHEMA_VERSION):
        detail = f"has tables of schema {found}; let its owner run `themis store upgrade`, then it can be read"
        raise StoreError(path=database.label, detail=detail)
