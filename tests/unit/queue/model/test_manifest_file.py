import errno
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themis.core.errors import ManifestError, TornManifestError
from themis.core.files import guarded
from themis.core.queue.model import manifest_file
from themis.core.queue.model.manifest_file import Limits, Manifest
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import job_key

STORE = StoreAddress("sqlite", "/store.sqlite3", "11111111-1111-1111-1111-111111111111")
KEY = job_key("run", STORE.id)
LIMITS = Limits(timeout_s=2.5, memory_limit_mb=64)
MANIFEST = Manifest(KEY, "run", STORE, LIMITS, 5, 7, "4.0.0", {"a": [1, {"b": None}]})


def _reason(data: bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        manifest_file.decode(data, "name", key=KEY)
    return str(caught.value.facts["reason"])


def _changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(manifest_file.encode(MANIFEST)) | changes).encode()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(manifest_file.encode(MANIFEST))
    assert manifest_file.read(str(path), key=KEY) == MANIFEST


@given(st.integers(0, len(manifest_file.encode(MANIFEST)) - 3))
def test_a_torn_file_is_told_from_a_wrong_one(length: int) -> None:
    with pytest.raises(TornManifestError):
        manifest_file.decode(manifest_file.encode(MANIFEST)[:length], "name", key=KEY)


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_they_are_refused_as_no_manifest(data: bytes) -> None:
    with pytest.raises(ManifestError):
        manifest_file.decode(data, "name", key=KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 0},
        {"format": True},
        {"format": "1"},
        {"key": 5},
        {"key": "../../etc/passwd"},
        {"run_id": ""},
        {"run_id": "another"},
        {"run_id": "x" * 5_000},
        {"store": None},
        {"store": {"kind": "sqlite"}},
        {"limits": {}},
        {"limits": {"max_attempts": 0, "max_worker_lost": 1, "timeout_s": None, "memory_limit_mb": None}},
        {"limits": {"max_attempts": True, "max_worker_lost": 1, "timeout_s": None, "memory_limit_mb": None}},
        {"limits": {"max_attempts": 1, "max_worker_lost": 1, "timeout_s": -1, "memory_limit_mb": None}},
        {"priority": 10},
        {"priority": -1},
        {"priority": 1.5},
        {"payload": []},
        {"submitted_at_ns": None},
    ],
)
def test_every_field_is_looked_at(changes: dict[str, Any]) -> None:
    assert _reason(_changed(**changes)) == "not_a_manifest"


def test_a_newer_format_is_refused_by_name() -> None:
    with pytest.raises(ManifestError, match=r"newer Themis .manifest format 3, this version reads up to 2"):
        manifest_file.decode(_changed(format=3), "name", key=KEY)


def test_a_manifest_of_another_job_is_refused() -> None:
    with pytest.raises(ManifestError, match="holds the manifest of job"):
        manifest_file.decode(manifest_file.encode(MANIFEST), "name", key="0" * 16)


def test_size_and_depth_are_bounded_before_anything_is_parsed() -> None:
    assert _reason(b" " * (manifest_file.MAX_BYTES + 1)) == "too_large"
    assert _reason(b"[" * 50_000) == "too_deep"
    assert _reason(b'{"a":' * 10_000) == "too_deep"


def test_what_is_just_within_the_bounds_is_read(tmp_path: Path) -> None:
    most = manifest_file.MAX_DEPTH
    deep: Any = 1
    for _ in range(most - 2):
        deep = [deep]
    manifest = replace(MANIFEST, payload={"a": deep})
    data = manifest_file.encode(manifest)
    assert manifest_file.decode(data, "name", key=KEY) == manifest
    assert _reason(data.replace(b"[1]", b"[[1]]")) == "too_deep"
    whole = b" " * (manifest_file.MAX_BYTES - len(data)) + data
    assert manifest_file.decode(whole, "name", key=KEY) == manifest
    assert _reason(whole + b" ") == "too_large"
    path = tmp_path / "m.json"
    path.write_bytes(whole)
    assert manifest_file.read(str(path), key=KEY) == manifest
    path.write_bytes(whole + b" ")
    with pytest.raises(ManifestError, match="more than 65536 bytes"):
        manifest_file.read(str(path), key=KEY)


@pytest.mark.parametrize(
    "text", [b'"' + b'\\"' * 32_000, b'"' * 65_000, b"\\" * 65_000, b'"[' * 32_000, b'["\\' * 20_000]
)
def test_bounding_the_depth_takes_no_longer_for_a_text_made_to_take_long(text: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(ManifestError):
        manifest_file.decode(b"[" * 33 + text, "name", key=KEY)
    assert time.perf_counter() - began < 1


def test_brackets_in_texts_are_not_depth() -> None:
    manifest = replace(MANIFEST, payload={"text": '["\\[' * 100})
    assert manifest_file.decode(manifest_file.encode(manifest), "name", key=KEY) == manifest


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_no_json_are_refused(constant: str) -> None:
    data = manifest_file.encode(MANIFEST).replace(b"2.5", constant.encode())
    assert _reason(data) == "not_json"


def test_what_could_not_be_read_again_is_not_written() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    for payload in ({"deep": deep}, {"large": "x" * 70_000}, {"nan": float("nan")}, {"object": object()}):
        with pytest.raises(ManifestError):
            manifest_file.encode(replace(MANIFEST, payload=payload))


def test_links_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(manifest_file.encode(MANIFEST))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(ManifestError, match="not a regular file"):
            manifest_file.read(str(tmp_path / name), key=KEY)
    with pytest.raises(FileNotFoundError):
        manifest_file.read(str(tmp_path / "nothing"), key=KEY)


def test_a_manifest_that_may_not_be_read_is_no_bad_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(guarded, "open_to_read", refused)
    with pytest.raises(PermissionError):
        manifest_file.read(str(tmp_path / "m.json"), key=KEY)
