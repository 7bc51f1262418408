"""Members of a group: runs, in the stores that have them."""

from collections.abc import Sequence
from typing import NamedTuple

from themis.core.errors import UnknownTargetError
from themis.core.monitor.runs import RunNow, StoredRuns
from themis.core.monitor.targets import GROUP, no_group


class GroupMember(NamedTuple):
    """Run of a group, and the store that it is in.

    Attributes:
        row_name: what tells it from the others of its sweep.
    """

    store: StoredRuns
    run_id: str
    row_name: str

    def now(self, *, with_means: bool = True) -> RunNow | None:
        """Return the run as it is now; None if the store has lost it."""
        return next(self.store.find(self.run_id, 1, with_means=with_means), None)


def members_of(group: str, stores: Sequence[StoredRuns]) -> list[GroupMember]:
    """Return the runs of a group in these stores, in the order in which they were added.

    Raises:
        UnknownTargetError: there are none.
    """
    found = [
        GroupMember(store, member.run.run_id, member.row_name)
        for store in stores
        for member in store.reader.group_members(group)
    ]
    if not found:
        detail = no_group([store.reader for store in stores])
        raise UnknownTargetError(target=f"{GROUP}{group}", detail=detail)
    return found
