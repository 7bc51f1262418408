"""Models that say log-probabilities: a server that repeats its prompt, and one like llama.cpp's, which does not.

What they say follows from the text alone. Each is a default of a `ModelServer`: `ModelServer(default=echoing)`.
"""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from tests.support.model_server.log import Request
from tests.support.model_server.replies import RawBody

TOKEN = re.compile(r" ?[^\W_]{1,4}|[\W_]", re.DOTALL)
END = "<eos>"


def tokens_of(text: str) -> list[str]:
    """The tokens of a text: up to four letters with the blank before them, or one other character."""
    return TOKEN.findall(text)


def log_probability(before: str, token: str) -> float:
    """The log-probability of a token after a text, from -9 to 0."""
    return -_number(before, token) / 1000


def highest(before: str, token: str) -> float:
    """The highest log-probability after a text: that of the token itself where it is likely."""
    return max(log_probability(before, token), -_number(before, "the likeliest") / 3000)


def scored(text: str) -> list[tuple[str, float]]:
    """The tokens of a text with their log-probabilities."""
    found, before = [], ""
    for token in tokens_of(text):
        found.append((token, log_probability(before, token)))
        before += token
    return found


def log_likelihood(context: str, continuation: str) -> float:
    """The log-likelihood of a continuation that begins with a token of its own."""
    return math.fsum(value for _, value in scored(context + continuation)[len(tokens_of(context)) :])


def echoing(request: Request) -> RawBody | None:
    """The reply of an endpoint that honours `echo` and `logprobs`, as OpenAI's and vLLM's do."""
    if not request.data.get("echo"):
        return None
    prompt = request.data["prompt"]
    texts = [prompt] if isinstance(prompt, str) else prompt
    choices = [{"index": number, **echoed_choice(text)} for number, text in enumerate(texts)]
    prompt_tokens = sum(len(tokens_of(text)) for text in texts)
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(texts)}
    return body({"model": request.data["model"], "choices": choices, "usage": usage})


def echoed_choice(text: str, generated: str = " and") -> dict[str, Any]:
    """The choice of a prompt: the prompt itself and one token more, with a log-probability of each but the first."""
    tokens = [token for token, _ in scored(text)]
    befores = ["".join(tokens[:number]) for number in range(len(tokens))]
    values = [value for _, value in scored(text)]
    tops = [
        {token: value, " the": highest(before, token)}
        for before, token, value in zip(befores, tokens, values, strict=True)
    ]
    return {
        "text": text + generated,
        "finish_reason": "length",
        "logprobs": {
            "tokens": [*tokens, generated],
            "token_logprobs": [None, *values[1:], -1.0],
            "top_logprobs": [None, *tops[1:], {generated: -1.0}],
            "text_offset": [*map(len, befores), len(text)],
        },
    }


class LlamaLike:
    """A server that ignores `echo`, and can be forced by a grammar; it has a tokenizer beside its API.

    Forced to a text it spells it letter by letter, but for the tokens that a bias prefers, as a model does that finds
    the text unlikely.
    """

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def __call__(self, request: Request) -> RawBody | None:
        if request.path == "/tokenize":
            pieces = ["", *tokens_of(request.data["content"])]
            return body({"tokens": [{"id": self._id(piece), "piece": piece} for piece in pieces]})
        if request.kind != "completions":
            return None
        prompt = request.data["prompt"]
        if request.data.get("echo"):
            texts = [prompt] if isinstance(prompt, str) else prompt
            choices = [{"index": number, "text": " the", "logprobs": {"content": []}} for number in range(len(texts))]
            return body({"model": "llama", "choices": choices})
        before, forced = self._text(prompt), request.data.get("grammar")
        tokens = [" the"] if forced is None else self._spelled(_allowed(forced), request.data.get("logit_bias") or {})
        content = []
        for token in [*tokens, END][: request.data["max_tokens"]]:
            top = {"id": self._id(" the"), "logprob": highest(before, token)}
            content.append(
                {
                    "id": self._id(token),
                    "token": token,
                    "logprob": log_probability(before, token),
                    "top_logprobs": [top],
                }
            )
            before += token
        choice = {"index": 0, "text": "".join(tokens), "logprobs": {"content": content}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(request.data["prompt"]), "completion_tokens": len(content)}
        return body({"model": "llama", "choices": [choice], "usage": usage})

    def _id(self, piece: str) -> int:
        return self._ids.setdefault(piece, len(self._ids) + 2)

    def _text(self, prompt: str | Sequence[int]) -> str:
        pieces = {number: piece for piece, number in self._ids.items()}
        return prompt if isinstance(prompt, str) else "".join(pieces[number] for number in prompt)

    def _spelled(self, text: str, bias: dict[str, float]) -> list[str]:
        pieces = {number: piece for piece, number in self._ids.items()}
        preferred = sorted(bias, key=lambda number: -bias[number])
        found = []
        while text:
            fitting = (pieces[int(number)] for number in preferred if text.startswith(pieces[int(number)]))
            found.append(next(fitting, text[0]))
            text = text[len(found[-1]) :]
        return found


def body(document: Any) -> RawBody:
    """A document as a reply."""
    return RawBody(json.dumps(document).encode())


def _allowed(grammar: str) -> str:
    quoted = re.fullmatch(r'root ::= "(.*)"', grammar, re.DOTALL)
    assert quoted is not None, grammar
    plain = re.sub(r"\\U([0-9A-F]{8})", lambda found: chr(int(found[1], 16)), quoted[1])
    return re.sub(r"\\(.)", r"\1", plain)


def _number(*texts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(texts).encode()).digest()[:4], "big") % 9000
