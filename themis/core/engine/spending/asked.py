"""Provider and model that a generator names."""

from typing import Any


def provider_of(generator: Any) -> str:
    """Return the provider that a generator asks; empty when it names none."""
    found = getattr(generator, "provider_key", None)
    return found if isinstance(found, str) else ""


def model_of(generator: Any) -> str:
    """Return the model that a generator asks; empty when it names none."""
    found = getattr(generator, "model_id", None)
    return found if isinstance(found, str) else ""
