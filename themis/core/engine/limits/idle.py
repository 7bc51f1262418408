"""Warnings of limits that limit nothing."""

from collections.abc import Sequence
from difflib import get_close_matches

from themis.core.config import RuntimeConfig
from themis.core.configuration.secrets import redact_urls

_BY_PROVIDER = ("provider_concurrency", "provider_rate_limits", "provider_token_limits")


def idle_limits(runtime: RuntimeConfig, providers: Sequence[str]) -> list[str]:
    """Return a warning for each limit of a provider that a run, which calls only `providers`, does not call."""
    called = " and ".join(repr(provider) for provider in dict.fromkeys(providers))
    asked = f"this run only calls {called}" if called else "no generator of this run names a provider"
    found = []
    for key in _BY_PROVIDER:
        for name in getattr(runtime, key):
            near = get_close_matches(name, providers, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            found += [] if name in providers else [f"runtime.{key}: {name!r} limits nothing: {asked}{hint}"]
    return [str(redact_urls(text)) for text in found]
