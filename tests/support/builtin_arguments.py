"""Arguments for the shipped components that cannot be made without any."""

from typing import Any

ARGUMENTS: dict[str, dict[str, Any]] = {
    "builtin/regex": {"pattern": "x"},
    "builtin/xml_tag": {"tag": "answer"},
    "builtin/until": {"stop": ["Question:"]},
    "builtin/first_of": {"parsers": ["builtin/text"]},
    "builtin/chain": {"parsers": ["builtin/text"]},
}


def spec_of(component_id: str) -> dict[str, Any]:
    """A specification of a shipped component that can be loaded."""
    return {"use": component_id, "with": ARGUMENTS.get(component_id, {})}
