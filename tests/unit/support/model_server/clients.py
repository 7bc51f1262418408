"""The providers' own clients, asking a scripted server: no retries, and strict about what their types say."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import anthropic
import openai

from tests.support.model_server import ModelServer

MODEL = "a-model"
KEY = "a-key-of-the-tests"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once and trusting nobody: a client makes one of all authorities, which takes long and is not needed here."""


@contextmanager
def openai_client(server: ModelServer, *, timeout_s: float = 10.0, is_strict: bool = True) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=server.openai_url,
        api_key=KEY,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(timeout=timeout_s, verify=NO_TLS),
        timeout=timeout_s,
        _strict_response_validation=is_strict,
    ) as client:
        yield client


@contextmanager
def anthropic_client(
    server: ModelServer, *, timeout_s: float = 10.0, is_strict: bool = True
) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=server.anthropic_url,
        api_key=KEY,
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(timeout=timeout_s, verify=NO_TLS),
        timeout=timeout_s,
        _strict_response_validation=is_strict,
    ) as client:
        yield client


def ask_chat(client: openai.OpenAI, text: str = "Hello", **more: object) -> openai.types.chat.ChatCompletion:
    messages = [{"role": "user", "content": text}]
    found: openai.types.chat.ChatCompletion = client.chat.completions.create(model=MODEL, messages=messages, **more)  # type: ignore[call-overload]
    return found


def ask_messages(client: anthropic.Anthropic, text: str = "Hello", **more: object) -> anthropic.types.Message:
    messages = [{"role": "user", "content": text}]
    found: anthropic.types.Message = client.messages.create(model=MODEL, max_tokens=64, messages=messages, **more)  # type: ignore[call-overload]
    return found
