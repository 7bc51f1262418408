"""Long texts of rows: each is stored once, as a blob under its hash, and replaced by `@<hash>`.

A JSON text never begins with `@`.
"""

from themis.core.text.canonical import bytes_hash

INLINE_CHARACTERS = 256
"""Length above which a text is stored as a blob: short ones cost less than a reference, long ones often repeat."""

BLOB_MARK = "@"


def shortened(text: str, blobs: dict[str, bytes]) -> str:
    """Return the text as a row keeps it: a long one as the reference to a blob, which is added to `blobs`."""
    return text if len(text) <= INLINE_CHARACTERS else refer(text, blobs)


def refer(text: str, blobs: dict[str, bytes]) -> str:
    """Return the reference to a text, after adding it to `blobs`."""
    data = text.encode()
    digest = bytes_hash(data)
    blobs[digest] = data
    return BLOB_MARK + digest
