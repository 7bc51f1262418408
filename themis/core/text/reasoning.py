"""Reasoning of models in their texts: the blocks between tags in which they think before they answer."""

import re

_TAG = re.compile(
    r"(?i:[<◁](/?)(?:think|thinking|thought|reasoning)(?:\s[^<>]{0,100})?[>▷])|\[(/?)THINK\]",
)
_FINAL_CHANNEL = "<|channel|>final<|message|>"


def without_reasoning(text: str) -> str:
    """Return a text without its blocks of reasoning: `<think>…</think>` and the like, also inside each other.

    A block that is not closed reaches to the end of the text: the model never came to its answer. One that is closed
    but not opened began in the prompt, and reaches from the start. `[THINK]` is such a tag too, and of the channels of
    the harmony format only the last final one counts. The parser `builtin/strip_reasoning` is more lenient: an answer
    may show a tag, and nobody takes it for a verdict.
    """
    text = text.rpartition(_FINAL_CHANNEL)[2]
    kept: list[str] = []
    depth, start = 0, 0
    for tag in _TAG.finditer(text):
        if not depth:
            kept.append(text[start : tag.start()])
        if not (tag[1] or tag[2]):
            depth += 1
        elif depth:
            depth -= 1
        else:
            kept.clear()
        start = tag.end()
    return "".join(kept) if depth else "".join([*kept, text[start:]])
