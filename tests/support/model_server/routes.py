"""Routes of the server: what is behind each path."""

from dataclasses import dataclass

from tests.support.model_server.dialects import DIALECTS, Dialect
from tests.support.model_server.resources.batch import Batch
from tests.support.model_server.resources.message_batches import MessageBatches
from tests.support.model_server.resources.models import CountTokens, Models
from tests.support.model_server.resources.openai_batches import Batches, Files
from tests.support.model_server.resources.shared import Resource
from tests.support.model_server.script import Script


@dataclass(frozen=True, slots=True)
class Route:
    """What is behind a path: a model that speaks a dialect, or a resource and the path below its own."""

    kind: str = "unknown"
    family: str = "openai"
    dialect: Dialect | None = None
    resource: Resource | None = None
    below: tuple[str, ...] = ()


class Routes:
    """The paths of one server."""

    def __init__(self, models: Models, script: Script, batch_s: float) -> None:
        files = Files()
        self._openai_batches = Batches(files, script, batch_s)
        self._message_batches = MessageBatches(script, batch_s)
        self._dialects = {path: Route(one.kind, one.family, dialect=one) for path, one in DIALECTS.items()}
        self._resources: dict[str, Resource] = {
            "/v1/models": models,
            "/v1/files": files,
            "/v1/batches": self._openai_batches,
            "/v1/messages/batches": self._message_batches,
            "/v1/messages/count_tokens": CountTokens(),
        }

    def batches(self) -> list[Batch]:
        """All batches, those of OpenAI first."""
        return [*self._openai_batches.all(), *self._message_batches.all()]

    def find(self, method: str, path: str) -> Route:
        """What is behind a path, or behind the nearest one above it."""
        if method == "POST" and (route := self._dialects.get(path)) is not None:
            return route
        top, below = path, tuple[str, ...]()
        while top:
            if (found := self._resources.get(top)) is not None:
                return Route(found.kind, found.family, resource=found, below=below)
            top, _, name = top.rpartition("/")
            below = (name, *below)
        return Route()
