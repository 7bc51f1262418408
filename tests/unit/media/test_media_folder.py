"""Folder of media: named by content, verified when read; kinds of files by their first bytes."""

import os
import time
from pathlib import Path

import pytest

from themis.core.errors import MediaError
from themis.core.media import media_folder
from themis.core.media.media_folder import is_reference, keep, media_bytes, unused_media
from themis.core.media.media_types import media_type_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEMIS_MEDIA_DIR", str(tmp_path / "media"))
    return tmp_path / "media"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_kept_once_under_the_hash_of_its_content(folder: Path) -> None:
    reference = keep(b"picture")
    assert is_reference(reference)
    assert (keep(b"picture"), keep(b"other")) == (reference, keep(b"other"))
    assert media_bytes(reference) == b"picture"
    assert sorted(path.name for path in files(folder)) == sorted(name[7:] for name in (reference, keep(b"other")))


def test_a_file_that_is_gone_or_changed_is_never_sent(folder: Path) -> None:
    reference = keep(b"picture")
    (path,) = files(folder)
    path.write_bytes(b"picturE")
    with pytest.raises(MediaError, match="had another content than its name says, and was removed"):
        media_bytes(reference)
    with pytest.raises(MediaError, match="cannot be read"):
        media_bytes(reference)
    assert keep(b"picture") == reference, "it is put there again"
    assert media_bytes(reference) == b"picture"


def test_only_what_nobody_has_used_for_long_is_unused(folder: Path) -> None:
    names = [keep(f"file {no}".encode()) for no in range(4)]
    paths = [next(folder.rglob(name.removeprefix("sha256:"))) for name in names]
    stranger = paths[0].with_name("notes.txt")
    stranger.write_text("not ours")
    now = time.time()
    for path in (*paths, stranger):
        os.utime(path, (now - 900_000, now - 900_000))
    media_bytes(names[1])
    keep(b"file 2")
    os.utime(paths[3], (now - 50_000, now - 50_000))
    assert list(unused_media(time.time_ns())) == [(paths[0], 6)], "what was used within a day may be needed now"
    assert list(unused_media(int((now - 1_000_000) * 1e9))) == []


def test_what_is_no_reference_names_no_file() -> None:
    for name in ("sha256:../../etc/passwd", "sha256:" + "A" * 64, "x" * 64, ""):
        assert not is_reference(name)
        with pytest.raises(MediaError, match="is not sha256: and 64 hex digits"):
            media_bytes(name)


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_folder, "MAX_BYTES", 4)
    with pytest.raises(MediaError, match="has 5 bytes, and a prompt takes at most 4"):
        keep(b"12345")


def test_a_folder_that_cannot_be_written_to_names_the_variable(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file is in the way")
    with pytest.raises(MediaError, match="THEMIS_MEDIA_DIR names another folder"):
        keep(b"picture")


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    at = media_folder.media_folder
    assert at({"XDG_CACHE_HOME": "/c"}) == Path("/c/themis/media")
    assert at({}) == Path("~/.cache/themis/media").expanduser()
    assert at({"XDG_CACHE_HOME": "relative", "THEMIS_MEDIA_DIR": "/m"}) == Path("/m")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"%PDF-1.7", "application/pdf"),
        ("Grüße".encode(), "text/plain"),
        (b"", None),
        (b"a\0b", None),
        (b"\xff\x00\xfe", None),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(data: bytes, kind: str | None) -> None:
    assert media_type_of(data) == kind
