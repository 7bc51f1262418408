"""Numbers of schemas: what they say of who can use a store's tables.

Old and new versions of Themis share a store during an upgrade. So a change that an older one can work with gets the
next number, and the older one continues: a table, an index, or a column that may be null and that no row needs. Any
other change begins the next thousand, which older versions refuse.
"""

from collections.abc import Mapping, Sequence

from themis.core.errors import NewerSchemaError, StoreError

GENERATION = 1_000
"""Size of a generation: versions in the same thousand can be used by the same programs."""


def is_usable(found: int, known: int) -> bool:
    """Whether tables of version `found` include those of version `known`, with the same meaning."""
    return known <= found < (known // GENERATION + 1) * GENERATION


def refuse_newer(label: str, found: int, known: int) -> None:
    """Raise NewerSchemaError for tables of a later generation than that of version `known`."""
    if found > known and not is_usable(found, known):
        raise NewerSchemaError(path=label, found=found, known=known)


def steps_between(label: str, found: int, version: int, upgrades: Mapping[int, Sequence[str]]) -> list[str]:
    """Return the statements that lead from version `found` to `version`.

    Raises:
        StoreError: the store is too old to be upgraded to this version.
    """
    if any(step not in upgrades for step in range(found, version)):
        detail = f"written by an older Themis (schema {found}), which this version cannot upgrade"
        raise StoreError(path=label, detail=detail)
    return [statement for step in range(found, version) for statement in upgrades[step]]
