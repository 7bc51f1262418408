"""Models that can be asked from here: by keys in the environment, and by servers on this machine."""

import http.client
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from themis.adapters.model_names import OLLAMA_URL, PROVIDERS, VLLM_URL

ASKED_FOR_S = 0.5
"""Seconds that a server on this machine may take to answer; where none listens, the answer comes at once."""

_MOST_BYTES = 1_000_000
_NO_ANSWERS = ("embed", "rerank")
"""Parts of the names of models that answer no questions."""

Get = Callable[[str, str], Any]
"""Returns the JSON value that a server says at a path, or None; the first argument is the server's address."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """Provider whose model can be asked.

    Attributes:
        provider: one of `themis.adapters.model_names.PROVIDERS`.
        model: the model that its server has; None for the usual one.
        why: how it was found, in words.
    """

    provider: str
    model: str | None
    why: str


def found_model(environ: Mapping[str, str], get: Get | None = None) -> FoundModel | None:
    """Return what can be asked from here: the first key that is set, else the first server that answers; or None.

    A key comes first, since somebody has set it; nothing is sent to its provider.
    """
    for name, known in PROVIDERS.items():
        key = known.key_variable
        if key is not None and environ.get(key, "").strip():
            return FoundModel(name, None, f"{key} is set")
    ask = get or said_by
    for provider, url, path, names in (
        ("ollama", OLLAMA_URL, "/api/tags", _names_of_ollama),
        ("vllm", VLLM_URL, "/v1/models", _names_of_vllm),
    ):
        said = ask(url, path)
        if said is not None:
            models = [name for name in names(said) if not any(part in name.lower() for part in _NO_ANSWERS)]
            where = urlsplit(url).netloc
            return FoundModel(provider, models[0] if models else None, f"a server answers at {where}")
    return None


def said_by(url: str, path: str) -> Any:
    """Return the JSON value that a server on this machine says at a path; None if there is none."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "localhost", place.port, timeout=ASKED_FOR_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return json.loads(answer.read(_MOST_BYTES)) if answer.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _names_of_ollama(said: Any) -> list[str]:
    """Return the models that Ollama has, the smallest first, which answers soonest."""
    with suppress(AttributeError, TypeError, KeyError, ValueError):
        found = [(int(model.get("size", 0)), str(model["name"])) for model in said["models"]]
        return [name for _, name in sorted(found)]
    return []


def _names_of_vllm(said: Any) -> list[str]:
    with suppress(AttributeError, TypeError, KeyError):
        return [str(model["id"]) for model in said["data"]]
    return []
