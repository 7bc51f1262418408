"""Warnings of limits that limit nothing."""

from difflib import get_close_matches

from themis.core.config import RuntimeConfig
from themis.core.configuration.secrets import redact_urls

_BY_PROVIDER = ("provider_concurrency", "provider_rate_limits", "provider_token_limits")


def idle_limits(runtime: RuntimeConfig, provider: str | None) -> list[str]:
    """Return a warning for each limit of a provider that a run, which calls only `provider`, does not call."""
    asked = "its generator names no provider" if provider is None else f"this run only calls {provider!r}"
    found = []
    for key in _BY_PROVIDER:
        for name in getattr(runtime, key):
            near = get_close_matches(name, [provider], n=1) if provider else []
            hint = f"; did you mean {provider!r}?" if near else ""
            found += [f"runtime.{key}: {name!r} limits nothing: {asked}{hint}"] if name != provider else []
    return [str(redact_urls(text)) for text in found]
