"""OpenAI's plain completions, as base models have them."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.model_server.dialects.chat import DONE, usage_fields
from tests.support.model_server.dialects.shared import Asked, event, openai_error, pieces, usage_of
from tests.support.model_server.replies import Answer, Failure


class Completions:
    """Plain completions: a text that is continued, with the reasoning in tags."""

    kind = "completions"
    family = "openai"
    most_output_field: tuple[str, ...] = ("max_tokens",)

    def turns(self, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        prompt = data.get("prompt", "")
        texts = prompt if isinstance(prompt, list) else [prompt]
        return [("user", str(text)) for text in texts]

    def body(self, answer: Answer, asked: Asked) -> dict[str, Any]:
        choice = {"text": _text(answer), "logprobs": None, "finish_reason": _finish(answer)}
        return {
            **_head(answer, asked),
            "choices": [{"index": index, **choice} for index in asked.choices],
            "usage": usage_fields(usage_of(answer, self.turns(asked.data))),
            **answer.extra,
        }

    def events(self, answer: Answer, asked: Asked) -> Iterator[bytes]:
        shared = {**_head(answer, asked), **answer.extra}
        for index in asked.choices:
            parts: list[tuple[str, str | None]] = [(piece, None) for piece in pieces(_text(answer))]
            for piece, reason in [*parts, ("", _finish(answer))]:
                choice = {"index": index, "text": piece, "logprobs": None, "finish_reason": reason}
                yield event({**shared, "choices": [choice]})
        if (asked.data.get("stream_options") or {}).get("include_usage"):
            yield event({**shared, "choices": [], "usage": usage_fields(usage_of(answer, self.turns(asked.data)))})
        yield DONE

    def error_event(self, failure: Failure) -> bytes:
        return event(openai_error(failure))


def _head(answer: Answer, asked: Asked) -> dict[str, Any]:
    return {
        "id": f"cmpl-{asked.number}",
        "object": "text_completion",
        "created": asked.at,
        "model": answer.served_model or asked.model,
    }


def _text(answer: Answer) -> str:
    thought = f"<think>{answer.reasoning}</think>" if answer.reasoning is not None else ""
    return thought + (answer.text or answer.refusal or "")


def _finish(answer: Answer) -> str:
    return {"refusal": "content_filter", "tool_calls": "stop"}.get(answer.finish, answer.finish)
