"""Answers of models as attributes: ids, ends, tokens and errors."""

from typing import Any

from themis.core.engine.retry_policy import said_by, status_of
from themis.core.models import GenerationResult
from themis.core.observations import ModelCall
from themis.core.workflows import JudgeResponse
from themis.telemetry.asked import Attributes
from themis.telemetry.conventions import gen_ai

_MS_PER_S = 1000.0
_TOKENS = {
    "prompt_tokens": gen_ai.GEN_AI_USAGE_INPUT_TOKENS,
    "completion_tokens": gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS,
    "cached_tokens": gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "cache_write_tokens": gen_ai.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
    "reasoning_tokens": gen_ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
}


def answer(call: ModelCall) -> Attributes:
    """Return what is known of the answer to a call; of one that failed, only the tokens that it used."""
    found: Attributes = {}
    if (generation := call.generation) is not None and call.error is None:
        if generation.served_model is not None:
            found[gen_ai.GEN_AI_RESPONSE_MODEL] = generation.served_model
        if generation.finish_reason is not None:
            found[gen_ai.GEN_AI_RESPONSE_FINISH_REASONS] = [generation.finish_reason]
        first_ms = (generation.artifacts or {}).get("first_token_ms")
        if isinstance(first_ms, int | float):
            found[gen_ai.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = first_ms / _MS_PER_S
    if (named := response_id(call)) is not None:
        found[gen_ai.GEN_AI_RESPONSE_ID] = named
    used = usage(call)
    return found | {attribute: used[kind] for kind, attribute in _TOKENS.items() if kind in used}


def response_id(call: ModelCall) -> str | None:
    """Return the id that the provider gave the answer, else that of the request; None where it gave none."""
    if call.error is not None:
        return None
    artifacts = (call.generation.artifacts if call.generation is not None else None) or {}
    document = artifacts.get("raw_response")
    of_request = artifacts.get("provider_request_id")
    if of_request is None and isinstance(call.result, JudgeResponse):
        of_request = call.result.provider_request_id
    found = document.get("id") if isinstance(document, dict) else None
    return next((name for name in (found, of_request) if isinstance(name, str) and name), None)


def usage(call: ModelCall) -> dict[str, int]:
    """Return the tokens of the answer, or of the failure, by the names of `GenerationResult.token_usage`."""
    if call.error is not None:
        return usage_of_failure(call.error)
    known = call.result if isinstance(call.result, GenerationResult | JudgeResponse) else None
    return (known.token_usage if known is not None else None) or {}


def usage_of_failure(error: BaseException) -> dict[str, int]:
    """Return the tokens that a failed try has used all the same; {} where nobody counted."""
    found: Any = said_by(error, "token_usage")
    return found if isinstance(found, dict) else {}


def error_type(error: BaseException) -> str:
    """Return the class of an error, as the conventions have it: the status of HTTP, else the exception's name."""
    status = status_of(error)
    return type(error).__name__ if status is None else str(status)
