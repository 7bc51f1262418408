"""Answers without the blocks of reasoning that come before them."""

import re
from collections.abc import Sequence

TAGS = ("think", "thinking", "thought", "reasoning")
_FINAL_CHANNEL = "<|channel|>final<|message|>"
_CHANNEL_END = re.compile(r"<\|(?:return|end)\|>")


def pattern_of(tags: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern of the tags with some names; upper and lower case are the same."""
    names = "|".join(re.escape(tag) for tag in sorted(tags, key=len, reverse=True))
    return re.compile(rf"</?(?i:{names})>|\[/?THINK\]|◁/?think▷")


_USUAL = pattern_of(TAGS)


def without_blocks(text: str, tag: re.Pattern[str] = _USUAL) -> str:
    """Return a text without its blocks of reasoning, such as `<think>…</think>`; empty when it was cut off in one.

    A closing tag that nothing opened ends reasoning that began with the text, as some prompts already hold the opening
    tag. A block at the beginning that is never closed was cut off. An unclosed tag after other text is part of the
    answer. Of the channels of the harmony format the last final one counts.

    Args:
        text: what a model wrote.
        tag: what a tag is.
    """
    _, channel, final = text.rpartition(_FINAL_CHANNEL)
    if channel:
        text = _CHANNEL_END.split(final, maxsplit=1)[0]
    kept: list[str] = []
    begins, place, has_answer = -1, 0, False  # the beginning of an open block, and the end of the last closed one
    for found in tag.finditer(text):
        if "/" not in found[0]:
            if begins < 0:
                kept.append(text[place : found.start()])
                begins, has_answer = found.start(), has_answer or bool(kept[-1].strip())
        elif begins >= 0 or not has_answer:
            begins, place = -1, found.end()
    if begins >= 0:
        return "".join([*kept, text[begins:]]) if has_answer else ""
    return "".join([*kept, text[place:]])
