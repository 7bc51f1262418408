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


def not_found(what: str) -> Failure:
    """An error for what is not there."""
    return Failure(404, f"No such {what}.")
