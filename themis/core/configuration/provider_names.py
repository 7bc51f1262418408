"""Names of providers for files, reports and people: a `provider_key` without secrets."""

import re

from themis.core.configuration.secrets import REDACTED, redact_literals, redact_urls
from themis.core.text.lines import one_line
from themis.core.text.masking import mask

MOST_CHARACTERS = 300
"""Only this much of a longer name is used."""

_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#@]*@")
_QUERY = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s?#]*)[?#]\S*")


def public_name(provider: str) -> str:
    """Return a `provider_key` as it may be shown and stored; the public name of a public name is the same.

    An address in it loses its user, its password and its query, as each may be a key.
    """
    name = redact_literals(str(redact_urls(mask(provider))))
    name = _QUERY.sub(rf"\1?{REDACTED}", _USER.sub(rf"\1{REDACTED}@", name))
    return one_line(name[:MOST_CHARACTERS])
