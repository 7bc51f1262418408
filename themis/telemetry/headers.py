"""Headers of requests to a collector: keys among them are masked in every text that leaves the process."""

import os
from collections.abc import Mapping
from urllib.parse import unquote

from themis.core.configuration.secrets import is_secret_variable
from themis.core.engine.tracing.switch import HEADERS
from themis.core.text import masking

_LONG = 16
"""Characters from which a value is taken for a key, whatever its header is called."""


def mask_headers(environ: Mapping[str, str] = os.environ) -> None:
    """Mask the keys in the headers that the environment gives, each also without the word before it, such as Bearer."""
    for variable in HEADERS:
        for pair in environ.get(variable, "").split(","):
            name, _, text = pair.partition("=")
            value = unquote(text.strip())
            if len(value) >= _LONG or is_secret_variable(name.strip().replace("-", "_"), value):
                for part in (value, value.rpartition(" ")[2], text.strip()):
                    masking.register(variable, part, is_key=True)
