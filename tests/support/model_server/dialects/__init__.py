"""Dialects of the providers: what a question is in each, and how an answer or an error is written."""

from tests.support.model_server.dialects.chat import Chat
from tests.support.model_server.dialects.completions import Completions
from tests.support.model_server.dialects.messages import Messages
from tests.support.model_server.dialects.responses import Responses
from tests.support.model_server.dialects.shared import Asked, Dialect

__all__ = ["DIALECTS", "Asked", "Dialect"]

DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
    "/v1/completions": Completions(),
    "/v1/messages": Messages(),
}
"""The dialect that is spoken at each path."""
