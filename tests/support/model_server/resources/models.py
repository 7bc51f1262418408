"""Lists of models, in the dialect of whoever asks, and counts of tokens."""

from datetime import UTC, datetime
from typing import Any

from tests.support.model_server.dialects.messages import Messages
from tests.support.model_server.dialects.shared import prompt_tokens
from tests.support.model_server.failures import model_not_found
from tests.support.model_server.log import Request
from tests.support.model_server.resources.shared import Result

CREATED_AT = 1_700_000_000
SOME_MODEL = "test-model"


class Models:
    """The models of the server; any name is one when none is given."""

    kind = "models"
    family = "openai"

    def __init__(self, models: tuple[str, ...] | None) -> None:
        self._models = models

    def knows(self, model: str) -> bool:
        """Whether a model is there."""
        return self._models is None or model in self._models

    def handle(self, request: Request, below: tuple[str, ...]) -> Result | None:
        if request.method != "GET":
            return None
        one = _anthropic_model if "anthropic-version" in request.headers else _openai_model
        if below:
            name = "/".join(below)
            return one(name) if self.knows(name) else model_not_found(name)
        listed = [one(name) for name in self._models or (SOME_MODEL,)]
        ends = {"has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]} if listed else {}
        return {"object": "list", "data": listed, **(ends if one is _anthropic_model else {})}


class CountTokens:
    """Anthropic's count of a prompt's tokens."""

    kind = "count_tokens"
    family = "anthropic"

    def handle(self, request: Request, below: tuple[str, ...]) -> Result | None:
        if request.method != "POST" or below:
            return None
        return {"input_tokens": prompt_tokens(Messages().turns(request.data))}


def _openai_model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED_AT, "owned_by": "tests"}


def _anthropic_model(name: str) -> dict[str, Any]:
    created = datetime.fromtimestamp(CREATED_AT, UTC).isoformat()
    return {"id": name, "type": "model", "display_name": name, "created_at": created, "lifecycle": "active"}
