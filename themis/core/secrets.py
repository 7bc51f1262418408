"""Secrets are written as references and resolved where they are used, never stored.

A reference is `${NAME}` anywhere in a text, or a whole text `env:NAME` or `secret://name`. The last names a file of a
credentials folder: systemd's `$CREDENTIALS_DIRECTORY`, else the containers' `/run/secrets`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from themis.core import masking
from themis.core.errors import LiteralSecretError, MissingSecretError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_SECRET_URL = re.compile(r"secret://([A-Za-z0-9_][A-Za-z0-9_.-]*)")
_SECRET_KEY = re.compile(
    r"(?i)((^|[_-])(api[_-]?key|secret([_-]?key)?|access[_-]?key|private[_-]?key|(auth|access|bearer|refresh)[_-]?token"
    r"|token|credentials?|authorization)|[_-]pwd|password|passwd|passphrase)$"
)
# Too short for the keys of a configuration, where a `sort_key` may stand; a variable is kept when its job names it.
_SECRET_VARIABLE = re.compile(r"(?i)_(keys?|pass|pat|secrets)$")
_SECRET_VALUE = re.compile(
    r"^(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}"
    r"|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|xox[abprs]-[\w-]{10,}|Bearer\s+\S{8,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*)$"
)
_URL_PASSWORD = re.compile(
    r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/?#@:]*):"
    r"(?!(?:\$\{[a-z_][a-z0-9_]*\})+@[^\s/?#@]*(?:[\s/?#]|\Z))"  # a reference is no password
    r"([^\s/?#]*)@"
)
_HARMLESS = frozenset({"", "EMPTY", "none", "null"})
REDACTED = "***"


def is_reference(text: str) -> bool:
    """Whether `text` names a secret instead of holding one."""
    return bool(_REFERENCE.search(text) or _ENV.fullmatch(text) or _SECRET_URL.fullmatch(text))


def refuse_literal_secrets(value: Any, *, where: str, path: str = "") -> None:
    """Raise LiteralSecretError for the first text in `value` that looks like a secret and is not a reference."""
    for key, text in _texts(value, path):
        name = next((part for part in reversed(key.split(".")) if not part.isdecimal()), "")
        literal = _REFERENCE.sub("", text).strip()  # a reference in a text excuses nothing that stands beside it
        named = _SECRET_KEY.search(name) and not is_reference(text) and text not in _HARMLESS
        if named or _SECRET_VALUE.match(literal):
            raise LiteralSecretError(where=where, key=key)


def is_secret_variable(name: str, value: str) -> bool:
    """Whether a variable of the environment looks like a secret, by its name or by its value."""
    plain = name.rstrip("_0123456789")
    named = _SECRET_KEY.search(plain) or _SECRET_VARIABLE.search(plain)
    return bool((named and value not in _HARMLESS) or _SECRET_VALUE.match(value.strip()) or _URL_PASSWORD.search(value))


def referenced_variables(value: Any) -> frozenset[str]:
    """The variables of the environment that a JSON value refers to."""
    found = set[str]()
    for _, text in _texts(value, ""):
        match = _ENV.fullmatch(text)
        found.update([match[1]] if match else _REFERENCE.findall(text))
    return frozenset(found)


def redact_urls(value: Any) -> Any:
    """A copy of a JSON value in which no URL holds a password, in a key neither, unless as a reference."""
    if isinstance(value, str):
        return _URL_PASSWORD.sub(
            lambda found: found[0] if _REFERENCE.fullmatch(found[2]) else f"{found[1]}:{REDACTED}@", value
        )
    if isinstance(value, dict):
        return {redact_urls(key): redact_urls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_urls(item) for item in value]
    return value


def redacted_key(value: Any) -> str | None:
    """The key of the first URL in `value` whose password was redacted; None when there is none."""
    return next((key for key, text in _texts(value, "") if f":{REDACTED}@" in text), None)


def resolve_references(value: Any, *, where: str, environ: Mapping[str, str] = os.environ) -> Any:
    """A copy of a JSON value in which each reference is replaced by its secret, which no text shows from now on.

    Raises:
        MissingSecretError: a reference names nothing in `environ`, or no file.
    """
    if isinstance(value, str):
        return _resolve_text(value, where, environ)
    if isinstance(value, dict):
        return {key: resolve_references(item, where=where, environ=environ) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve_references(item, where=where, environ=environ) for item in value]
    return value


def _resolve_text(text: str, where: str, environ: Mapping[str, str]) -> str:
    if match := _ENV.fullmatch(text):
        return _environment(match[1], where, environ)
    if match := _SECRET_URL.fullmatch(text):
        return _credential(match[1], where, environ)
    return _REFERENCE.sub(lambda found: _environment(found[1], where, environ), text)


def _environment(name: str, where: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        raise MissingSecretError(where=where, name=name)
    masking.register(name, value, is_key=is_secret_variable(name, value))
    return value


def _credential(name: str, where: str, environ: Mapping[str, str]) -> str:
    folder = Path(environ.get("CREDENTIALS_DIRECTORY", "/run/secrets"))
    try:
        value = (folder / name).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError):
        raise MissingSecretError(where=where, name=f"for secret://{name} (looked in {folder})") from None
    masking.register(name, value, is_key=True)
    return value


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}.{index}")
