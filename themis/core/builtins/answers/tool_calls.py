"""Calls of tools in an output, in the shapes that models, providers and frameworks write them in."""

import re
from collections.abc import Iterable
from typing import Any

from themis.core.base import JSONValue
from themis.core.builtins.answers.json_text import json_in, whole_json

_MARKED = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_ARGUMENTS = ("arguments", "args", "input", "parameters")
_TYPES = frozenset({"function", "function_call", "tool_call", "tool_use", "custom"})
_MOST_MARKED = 1_000


def calls_in(output: JSONValue) -> list[dict[str, JSONValue]]:
    """Return the calls in an output as `{name, arguments}`, in order; an empty list when there are none.

    An output is a call, a list of calls or of messages with them, or an object that holds such a list under
    `tool_calls`, `messages`, or `content`, as Anthropic's blocks are. A text is read as JSON, or for
    `<tool_call>{…}</tool_call>`. Arguments that are JSON in a text are read.
    """
    if isinstance(output, str):
        marked = _MARKED.findall(output)[:_MOST_MARKED] if "</tool_call>" in output else []
        read = [value for text in marked for value in whole_json(text)] or json_in(output)
        return [call for value in read if not isinstance(value, str) for call in calls_in(value)]
    if isinstance(output, list):
        return _calls_of(output)
    if isinstance(output, dict):
        return _calls_of(_listed(output))
    return []


def _calls_of(items: Iterable[JSONValue]) -> list[dict[str, JSONValue]]:
    found = []
    for item in items:
        if isinstance(item, dict):
            call = _call(item)
            found += [call] if call is not None else _within(item)
    return found


def _within(message: dict[str, Any]) -> list[dict[str, JSONValue]]:
    """Return the calls of a message, one level down."""
    inner = _listed(message)
    content = message.get("content")
    if inner == [message] and isinstance(content, dict):  # as it is stored in a conversation
        inner = _listed(content)
    calls = (_call(item) for item in inner if isinstance(item, dict))
    return [call for call in calls if call is not None]


def _listed(document: dict[str, Any]) -> list[Any]:
    """Return the items of an object among which there may be calls; itself, when it holds no such list."""
    for name in ("tool_calls", "messages", "content"):
        if isinstance(document.get(name), list):
            return list(document[name])
    old = document.get("function_call")
    return [old] if isinstance(old, dict) else [document]


def _call(item: dict[str, Any]) -> dict[str, JSONValue] | None:
    function = item.get("function")
    if isinstance(function, dict):
        item = function
    name = item.get("name")
    key = next((key for key in _ARGUMENTS if key in item), None)
    if not isinstance(name, str) or not name or (key is None and item.get("type") not in _TYPES):
        return None
    arguments = {} if key is None or item[key] is None or item[key] == "" else item[key]
    if isinstance(arguments, str) and (read := whole_json(arguments)):
        arguments = read[0]
    return {"name": name, "arguments": arguments}
