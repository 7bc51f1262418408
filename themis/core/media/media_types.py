"""Kind of a file, by its first bytes: what it is called does not count."""

_SIGNATURES: tuple[tuple[bytes, int, bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, b"", "image/png"),
    (b"\xff\xd8\xff", 0, b"", "image/jpeg"),
    (b"GIF87a", 0, b"", "image/gif"),
    (b"GIF89a", 0, b"", "image/gif"),
    (b"RIFF", 8, b"WEBP", "image/webp"),
    (b"RIFF", 8, b"WAVE", "audio/wav"),
    (b"ID3", 0, b"", "audio/mpeg"),
    (b"fLaC", 0, b"", "audio/flac"),
    (b"OggS", 0, b"", "audio/ogg"),
    (b"%PDF-", 0, b"", "application/pdf"),
)
"""Beginning of a file; more bytes of it, and where they begin; its type."""

TEXT = "text/plain"
_MPEG_FRAME = 0xFFE0
"""First eleven bits of a sound that begins without a tag."""


def media_type_of(data: bytes) -> str | None:
    """Return the type of a file, such as `image/png`; `text/plain` for a text in UTF-8, None for an unknown kind."""
    for beginning, offset, more, kind in _SIGNATURES:
        if data.startswith(beginning) and data.startswith(more, offset):
            return kind
    if int.from_bytes(data[:2]) & _MPEG_FRAME == _MPEG_FRAME:
        return "audio/mpeg"
    try:
        return TEXT if data and "\0" not in data.decode() else None
    except UnicodeDecodeError:
        return None
