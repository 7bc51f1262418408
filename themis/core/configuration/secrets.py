"""Secrets: written as references and resolved where they are used, never stored.

A reference is `${NAME}` anywhere in a text, or a whole text `env:NAME` or `secret://name`. The last names a file of a
credentials folder: systemd's `$CREDENTIALS_DIRECTORY`, else the containers' `/run/secrets`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from themis.core.errors import LiteralSecretError, MissingSecretError
from themis.core.text import masking

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_SECRET_URL = re.compile(r"secret://([A-Za-z0-9_][A-Za-z0-9_.-]*)")
_SECRET_KEY = re.compile(
    r"(?i)((^|[_-])(api[_-]?key|secret([_-]?key)?|access[_-]?key|private[_-]?key|(auth|access|bearer|refresh)[_-]?token"
    r"|token|credentials?|authorization|(set[_-])?cookies?)|[_-]pwd|password|passwd|passphrase)$"
)
# Too short for the keys of a configuration, such as `sort_key`; a variable is kept when its job names it.
_SECRET_VARIABLE = re.compile(r"(?i)_(keys?|pass|pat|secrets)$")
_SECRET_VALUE = re.compile(
    r"^(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}"
    r"|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|xox[abprs]-[\w-]{10,}|(?:Bearer|Basic)\s+\S{8,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*)$"
)
# Within prose a word that only begins like a secret is not one: a real secret mixes letters and digits.
_SECRET_WITHIN = re.compile(
    r"(?<![\w-])(?:sk-(?=(?:[\w-]*\d){2})[\w-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|hf_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}(?!\w)|AIza[\w-]{30,}|xox[abprs]-[\w-]{10,}"
    r"|(?:Bearer|Basic)\s+(?=\S*\d)[\w.~+/-]{16,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+"
    r"|(?i:x-api-key|api-key|x-auth-token|x-goog-api-key)\s*:\s*(?=\S*\d)\S{8,}"
    r"|(?i:(?:set-)?cookie)\s*:\s*[^\s=;]+=\S{4,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{20,}"
)
_URL_PARAMETER = re.compile(
    r"(?i)([?&;](?:[\w.-]*[_-])?(?:api[_-]?key|key|token|secret|sig|signature|auth|authorization|password|passwd|pwd"
    r"|credentials?|accesstoken)=)([^\s&;#\"'<>`]+)"
)
_PLACEHOLDER = re.compile(r"(?i)\*+|x+|\.+|your.*|my.*|[<{[(].*|.{0,3}")
_URL_USER = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://([^\s/?#@:]*)(?::[^\s/?#@]*)?@")
_KEY_AS_USER = re.compile(r"(?=\w*\d)(?=\w*[A-Za-z])[\w-]{20,}")
_URL_PASSWORD = re.compile(
    r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/?#@:]*):"
    r"(?!(?:\$\{[a-z_][a-z0-9_]*\})+@[^\s/?#@]*(?:[\s/?#]|\Z))"  # a reference is not a password
    r"([^\s/?#]*)@"
)
_HARMLESS = frozenset({"", "EMPTY", "none", "null"})
REDACTED = "***"

_NOT_NEEDED = ContextVar("secrets not needed", default=False)


def is_reference(text: str) -> bool:
    """Whether `text` names a secret instead of holding one."""
    return bool(_REFERENCE.search(text) or _ENV.fullmatch(text) or _SECRET_URL.fullmatch(text))


def refuse_literal_secrets(value: Any, *, where: str, path: str = "") -> None:
    """Raise LiteralSecretError for the first text in `value` that looks like a secret and is not a reference."""
    for key, text in (*_texts(value, path), *_headers(value, path)):
        named = any(map(_SECRET_KEY.search, _names(key))) and not is_reference(text) and text not in _HARMLESS
        if named or _holds_secret(text):
            raise LiteralSecretError(where=where, key=key)
    for key, text in _keys(value, path):
        if _holds_secret(text):  # which must not be shown
            raise LiteralSecretError(where=where, key=f"a key of {key}")


def unresolved_references(value: Any, *, path: str = "") -> list[tuple[str, str]]:
    """Return the keys of texts that hold a `${NAME}`, with that reference, in a value where none is resolved."""
    return [(key, found[0]) for key, text in _texts(value, path) for found in _REFERENCE.finditer(text)]


def names_secret_variable(reference: str) -> bool:
    """Whether the name in `${NAME}` is that of a secret."""
    found = _REFERENCE.fullmatch(reference)
    return found is not None and is_secret_variable(found[1], "a value")


def is_secret_variable(name: str, value: str) -> bool:
    """Whether a variable of the environment looks like a secret, by its name or by its value."""
    plain = name.rstrip("_0123456789")
    named = _SECRET_KEY.search(plain) or _SECRET_VARIABLE.search(plain)
    return bool((named and value not in _HARMLESS) or _SECRET_VALUE.match(value.strip()) or _URL_PASSWORD.search(value))


def referenced_variables(value: Any) -> frozenset[str]:
    """Return the environment variables that a JSON value refers to."""
    found = set[str]()
    for _, text in _texts(value, ""):
        match = _ENV.fullmatch(text)
        found.update([match[1]] if match else _REFERENCE.findall(text))
    return frozenset(found)


def references_in(value: Any) -> list[tuple[str, str]]:
    """Return each reference in a JSON value, with the key that it is written at; its secret is not resolved."""
    found = []
    for key, text in _texts(value, ""):
        whole = _ENV.fullmatch(text) or _SECRET_URL.fullmatch(text)
        found += [(key, text)] if whole else [(key, match[0]) for match in _REFERENCE.finditer(text)]
    return found


def redact_urls(value: Any) -> Any:
    """Return a copy of a JSON value in which no URL, also in a key, holds a password or a key except as a reference."""
    if isinstance(value, str):
        shown = _URL_PASSWORD.sub(
            lambda found: found[0] if _REFERENCE.fullmatch(found[2]) else f"{found[1]}:{REDACTED}@", value
        )
        return _URL_PARAMETER.sub(lambda found: f"{found[1]}{REDACTED}" if _is_literal(found[2]) else found[0], shown)
    if isinstance(value, dict):
        return {redact_urls(key): redact_urls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_urls(item) for item in value]
    return value


def redact_literals(text: str) -> str:
    """Return `text` with each word in it that looks like a secret replaced; a word that only may be one stays."""
    return _SECRET_WITHIN.sub(REDACTED, text)


def redacted_key(value: Any) -> str | None:
    """Return the key of the first URL in `value` whose password was redacted; None when there is none."""
    return next((key for key, text in _texts(value, "") if f":{REDACTED}@" in text), None)


@contextmanager
def secrets_not_needed() -> Iterator[None]:
    """Context for reading what is stored: a secret that is not there is no error in the block.

    What a component gets in its place is of no use to it, and is not part of any identity.
    """
    token = _NOT_NEEDED.set(True)
    try:
        yield
    finally:
        _NOT_NEEDED.reset(token)


def placeholder_for(name: str, *, where: str) -> str:
    """Return what stands for a secret that is not there.

    Raises:
        MissingSecretError: it is needed, see `secrets_not_needed`.
    """
    if _NOT_NEEDED.get():
        return f"unset-{name}"
    raise MissingSecretError(where=where, name=name)


def resolve_references(value: Any, *, where: str, environ: Mapping[str, str] = os.environ) -> Any:
    """Return a copy of a JSON value with each reference replaced by its secret, which every text masks from now on.

    Raises:
        MissingSecretError: a reference names a variable that is not in `environ`, or a file that does not exist.
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
        return placeholder_for(name, where=where)
    masking.register(name, value, is_key=is_secret_variable(name, value))
    return value


def _credential(name: str, where: str, environ: Mapping[str, str]) -> str:
    folder = Path(environ.get("CREDENTIALS_DIRECTORY", "/run/secrets"))
    try:
        value = (folder / name).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError):
        return placeholder_for(f"for secret://{name} (looked in {folder})", where=where)
    masking.register(name, value, is_key=True)
    return value


def _names(key: str) -> list[str]:
    """Return the names that tell what a text at `key` is: the last one, and those of cookies around it."""
    parts = [part for part in key.split(".") if not part.isdecimal()]
    return parts[-1:] + [part for part in parts[:-1] if part.lower() in {"cookie", "cookies"}]


def _holds_secret(text: str) -> bool:
    """Whether something in a text looks like a secret; a reference in it does not excuse the text around it."""
    literal = _REFERENCE.sub("", text).strip()
    if _SECRET_VALUE.match(literal) or _SECRET_WITHIN.search(literal):
        return True
    if any(_is_literal(found[2]) for found in _URL_PARAMETER.finditer(text)):
        return True
    users = (_REFERENCE.sub("", found[1]) for found in _URL_USER.finditer(text))
    return any(_SECRET_VALUE.match(user) or _KEY_AS_USER.fullmatch(user) for user in users)


def _is_literal(parameter: str) -> bool:
    """Whether a parameter of a URL is neither a reference nor a placeholder for one."""
    return not _PLACEHOLDER.fullmatch(_REFERENCE.sub("", parameter))


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}.{index}")


def _keys(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the keys of mappings, and the path of each mapping."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield path or "a key", str(key)
            yield from _keys(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys(item, f"{path}.{index}")


def _headers(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield values that are listed beside their names: `{name: …, value: …}` and `[name, value]`."""
    if isinstance(value, dict):
        pair = [value.get("name"), value.get("value")]
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        pair = value
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return
    match pair:
        case [str(name), str(text)]:
            yield f"{path}.{name}", text
    for key, item in items:
        yield from _headers(item, f"{path}.{key}" if path else key)
