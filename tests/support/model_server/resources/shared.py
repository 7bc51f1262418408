"""What the resources share: how each is asked, and what it gives."""

from typing import Any, Protocol, TypeAlias

from tests.support.model_server.log import Request
from tests.support.model_server.replies import Failure

Result: TypeAlias = dict[str, Any] | bytes | Failure
"""An object, the content of a file, or an error."""


class Resource(Protocol):
    """What is behind one path, and the paths below it."""

    kind: str
    family: str

    def handle(self, request: Request, below: tuple[str, ...]) -> Result | None:
        """What this request gets; `below` is the path below the resource's own. None where there is nothing."""


def page(listed: list[dict[str, Any]], request: Request, cursor: str) -> dict[str, Any]:
    """One page of a list, newest first; `cursor` names the parameter that says after which object it begins."""
    newest_first = listed[::-1]
    after, limit = request.query.get(cursor), int(request.query.get("limit", "20"))
    names = [one["id"] for one in newest_first]
    first = names.index(after) + 1 if after in names else 0
    found = newest_first[first : first + limit]
    ends = {"first_id": found[0]["id"], "last_id": found[-1]["id"]} if found else {}
    return {"object": "list", "data": found, "has_more": first + limit < len(newest_first), **ends}


def not_found(what: str) -> Failure:
    """An error for what is not there."""
    return Failure(404, f"No such {what}.")
