"""Provider and model that a generator asks, as it names them itself."""

from typing import Any


def provider_of(generator: Any) -> str | None:
    """Return the provider that a generator asks, its `provider_key`; None when it names none."""
    return _text_of(generator, "provider_key")


def model_of(generator: Any) -> str | None:
    """Return the model that a generator asks, its `model_id`; None when it names none."""
    return _text_of(generator, "model_id")


def _text_of(generator: Any, name: str) -> str | None:
    value = getattr(generator, name, None)
    return value if isinstance(value, str) else None
