"""Account at a provider: a hash of the API key, which tells keys apart and from which none can be found.

The hash is slow (scrypt, RFC 7914) and begins with random bytes that are kept in the folder of the limits, so that
neither a table made before nor quick guesses find even a short key.
"""

import functools
import hashlib
import secrets
from pathlib import Path

from themis.core.files import durable, guarded

SALT_NAME = "salt"
_SALT_BYTES = 32
_DIGEST_BYTES = 10
_COST, _BLOCK = 2**13, 8  # 8 MiB and about 20 ms, once in a process for each key


def account_of(credential: str | None, folder: Path) -> str:
    """Return the hash of an API key, in hexadecimal digits; empty for no key.

    Raises:
        OSError: the folder cannot be written or read.
    """
    return _hashed(credential, _salt(folder)) if credential else ""


def _salt(folder: Path) -> bytes:
    path = folder / SALT_NAME
    try:
        found = guarded.read(path, _SALT_BYTES + 1)
    except FileNotFoundError:
        found = b""
    if len(found) == _SALT_BYTES:
        return found
    durable.make_folder(folder, private=True)
    new = secrets.token_bytes(_SALT_BYTES)
    if found:  # another program wrote it
        guarded.replace(path, new)
    elif not durable.publish_once(path.with_name(f".{SALT_NAME}.{secrets.token_hex(8)}"), path, new):
        new = guarded.read(path, _SALT_BYTES)
    return new


@functools.lru_cache(maxsize=64)
def _hashed(credential: str, salt: bytes) -> str:
    key = credential.encode("utf-8", "backslashreplace")
    return hashlib.scrypt(key, salt=salt, n=_COST, r=_BLOCK, p=1, dklen=_DIGEST_BYTES).hex()
