"""Scripted server of model providers: OpenAI and Anthropic on loopback, with each way in which they fail.

    with ModelServer([throttled(2), Answer("Paris")]) as server:
        client = openai.OpenAI(base_url=server.openai_url, api_key="key")

`failures` holds the steps of a script by name, `replies` what they are made of. As a program of its own, for other
processes: `python -m tests.support.model_server`.
"""

from tests.support.model_server.log import Request
from tests.support.model_server.quota import Quota
from tests.support.model_server.rate_limits import Allowance, RateLimits
from tests.support.model_server.replies import (
    Answer,
    Behaviour,
    BreakOff,
    Failure,
    HangUp,
    RawBody,
    ToolCall,
    Usage,
)
from tests.support.model_server.server import ModelServer
from tests.support.model_server.service import Settings

__all__ = [
    "Allowance",
    "Answer",
    "Behaviour",
    "BreakOff",
    "Failure",
    "HangUp",
    "ModelServer",
    "Quota",
    "RateLimits",
    "RawBody",
    "Request",
    "Settings",
    "ToolCall",
    "Usage",
]
