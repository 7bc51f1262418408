"""Keys for a collector, in headers and addresses: they are masked in every text that leaves the process."""

import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from themis.core.configuration.secrets import is_secret_variable
from themis.core.text import masking

_SIGNALS = ("", "TRACES_", "METRICS_", "LOGS_")
_LONG = 16
"""Characters from which a value is taken for a key, whatever its header is called."""


def mask_keys(environ: Mapping[str, str] = os.environ) -> None:
    """Mask the keys that the environment gives: passwords of addresses, and headers that hold a key."""
    for signal in _SIGNALS:
        name = f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT"
        if (password := urlsplit(environ.get(name, "")).password) is not None:
            masking.register(name, unquote(password), is_key=True)
        _mask_headers(f"OTEL_EXPORTER_OTLP_{signal}HEADERS", environ)


def _mask_headers(variable: str, environ: Mapping[str, str]) -> None:
    """Mask the keys in a list of headers, each also without the word before it, such as Bearer."""
    for pair in environ.get(variable, "").split(","):
        name, _, text = pair.partition("=")
        value = unquote(text.strip())
        if len(value) >= _LONG or is_secret_variable(name.strip().replace("-", "_"), value):
            for part in (value, value.rpartition(" ")[2], text.strip()):
                masking.register(variable, part, is_key=True)
