"""Manifest file of a job: bytes ⇄ a checked envelope around a payload that the queue does not interpret.

Files in the queue's folder are untrusted. Size and depth are limited before anything is parsed; only a regular file is
opened, never through a link; it must be JSON, and every field is checked.

Old and new workers share a queue during an upgrade. So a field that an older version can ignore is added as an optional
one: unknown fields are ignored. A field that no older version may ignore makes a new format, and a manifest of a newer
format is left for newer workers.
"""

import errno
import os
import re
import stat
from dataclasses import dataclass, field
from typing import Any

from themis.core.errors import ManifestError, NewerManifestError, TornManifestError
from themis.core.files import guarded
from themis.core.queue.model import untrusted_json
from themis.core.queue.model.layout import is_key
from themis.core.queue.model.manifest_fields import checked_text, count_of, field_of, seconds_of, text_of
from themis.core.queue.model.ordering import LOWEST_PRIORITY
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import job_key
from themis.core.text.canonical import compact_json
from themis.core.values.bounds import MOST_COUNT
from themis.core.values.tags import checked as checked_tags

FORMAT = 2  # 1: version 4.0; 2: the run's snapshot contains more than that version can read, and a job may be a shard
MAX_BYTES = 65_536
MAX_DEPTH = 32

_MOST_NS = 2**63 - 1  # range of times in a store
_WORD = re.compile(r"[A-Za-z0-9._+!-]{1,128}")
_SHARD = re.compile(r"\.s([0-9]{3})of([0-9]{3})$")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the resources and retries of a job.

    Attributes:
        max_attempts: number of failed attempts after which the job fails.
        max_worker_lost: number of lost workers after which the job fails.
        timeout_s: time limit of one attempt, in seconds; None for no limit.
        memory_limit_mb: memory limit of one attempt, in MiB; None for no limit.
    """

    max_attempts: int = 3
    max_worker_lost: int = 3
    timeout_s: float | None = None
    memory_limit_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Job, as its manifest file describes it.

    Attributes:
        key: its name in the queue.
        run_id: the run to carry out.
        store: the store of the run and its results.
        limits: limits on its resources and retries.
        priority: 0 (first) to 9.
        submitted_ns: time of submission, in nanoseconds since 1970 UTC.
        version: version of the library that wrote it.
        payload: input of the executor, as JSON.
        tags: tags that a worker must have to take it.
        distributions: distributions that its components come from or depend on, with their versions.
        python: version of the Python that submitted it; None in those of earlier versions.
        providers: public names of the providers that it asks.
        cases: the number of its first case, and of the one behind its last; None for all cases of its run.
        format: format number of the file.
    """

    key: str
    run_id: str
    store: StoreAddress
    limits: Limits
    priority: int
    submitted_ns: int
    version: str
    payload: dict[str, Any]
    tags: tuple[str, ...] = ()
    distributions: dict[str, str] = field(default_factory=dict)
    python: str | None = None
    providers: tuple[str, ...] = ()
    cases: tuple[int, int] | None = None
    format: int = FORMAT


def encode(manifest: Manifest) -> bytes:
    """Return the bytes of the manifest file.

    Raises:
        ManifestError: it is larger or more deeply nested than allowed, or is not JSON.
    """
    document: dict[str, Any] = {
        "format": manifest.format,
        "key": manifest.key,
        "run_id": manifest.run_id,
        "store": {"kind": manifest.store.kind, "path": manifest.store.path, "id": manifest.store.id},
        "limits": {
            "max_attempts": manifest.limits.max_attempts,
            "max_worker_lost": manifest.limits.max_worker_lost,
            "timeout_s": manifest.limits.timeout_s,
            "memory_limit_mb": manifest.limits.memory_limit_mb,
        },
        "priority": manifest.priority,
        "submitted_at_ns": manifest.submitted_ns,
        "version": manifest.version,
        "payload": manifest.payload,
    }
    if manifest.tags:
        document["tags"] = list(manifest.tags)
    if manifest.distributions:
        document["distributions"] = manifest.distributions
    if manifest.python is not None:
        document["python"] = manifest.python
    if manifest.providers:
        document["providers"] = list(manifest.providers)
    if manifest.cases is not None:
        document["cases"] = list(manifest.cases)
    try:
        data = compact_json(document).encode("ascii")
    except (TypeError, ValueError) as error:
        raise ManifestError(name=manifest.key, reason="not_json", detail=f"not JSON: {error}") from error
    decode(data, manifest.key, key=manifest.key)
    return data + b"\n"


def read(path: str, *, key: str | None) -> Manifest:
    """Read the manifest in the file at `path`, whose name contains `key`; None for names without a key.

    Raises:
        FileNotFoundError: the file does not exist.
        TornManifestError: it is not complete JSON and may still be being written.
        NewerManifestError: its format needs a newer version.
        ManifestError: it is not a manifest for this key, or not a file that may be opened; `reason` says which.
    """
    name = os.path.basename(path)  # noqa: PTH119  # hot: once a claim
    return decode(_read_bytes(path, name), name, key=key)


def decode(data: bytes, name: str, *, key: str | None) -> Manifest:
    """Parse the manifest in `data`; errors call it `name`.

    Raises:
        TornManifestError: it is not complete JSON.
        NewerManifestError: its format needs a newer version.
        ManifestError: it is not a manifest for `key`.
    """
    if len(data) > MAX_BYTES:
        raise ManifestError(name=name, reason="too_large", detail=f"more than {MAX_BYTES} bytes")
    if untrusted_json.depth(data, MAX_DEPTH) > MAX_DEPTH:
        raise ManifestError(name=name, reason="too_deep", detail=f"nested more than {MAX_DEPTH} deep")
    try:
        document = untrusted_json.parse(data)
    except ValueError as error:
        raise TornManifestError(name=name, reason="not_json", detail=str(error)) from error
    if not isinstance(document, dict):
        raise ManifestError(name=name, reason="not_a_manifest", detail="not a JSON object")
    found_format = document.get("format")
    if isinstance(found_format, int) and found_format > FORMAT:
        raise NewerManifestError(name=name, found=found_format, known=FORMAT, reason="newer_format")
    try:
        manifest = _checked(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(name=name, reason="not_a_manifest", detail=f"not a manifest: {error}") from error
    if key is not None and manifest.key != key:
        raise ManifestError(name=name, reason="other_key", detail=f"holds the manifest of job {manifest.key}")
    return manifest


def _read_bytes(path: str, name: str) -> bytes:
    try:
        descriptor = guarded.open_to_read(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise ManifestError(name=name, reason="not_a_file", detail="not a regular file") from error
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ManifestError(name=name, reason="not_a_file", detail="not a regular file")
        if found.st_size > MAX_BYTES:
            raise ManifestError(name=name, reason="too_large", detail=f"more than {MAX_BYTES} bytes")
        return os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _checked(document: dict[str, Any]) -> Manifest:
    store, limits = field_of(document, "store", dict), field_of(document, "limits", dict)
    manifest = Manifest(
        key=text_of(document, "key"),
        run_id=text_of(document, "run_id"),
        store=StoreAddress(kind=text_of(store, "kind"), path=text_of(store, "path"), id=text_of(store, "id")),
        limits=Limits(
            max_attempts=count_of(limits, "max_attempts"),
            max_worker_lost=count_of(limits, "max_worker_lost"),
            timeout_s=seconds_of(limits, "timeout_s"),
            memory_limit_mb=None if limits["memory_limit_mb"] is None else count_of(limits, "memory_limit_mb"),
        ),
        priority=field_of(document, "priority", int),
        submitted_ns=field_of(document, "submitted_at_ns", int),
        version=text_of(document, "version"),
        payload=field_of(document, "payload", dict),
        tags=checked_tags(field_of(document, "tags", list)) if "tags" in document else (),
        distributions=_distributions(document),
        python=_python(document),
        providers=_providers(document),
        cases=_cases(document),
        format=count_of(document, "format"),
    )
    if not 0 <= manifest.priority <= LOWEST_PRIORITY:
        msg = f"priority is not 0 to {LOWEST_PRIORITY}"
        raise ValueError(msg)
    if not 0 <= manifest.submitted_ns <= _MOST_NS:
        msg = "submitted_at_ns is not a valid time"
        raise ValueError(msg)
    if not is_key(manifest.key) or manifest.key != job_key(manifest.run_id, manifest.store.id, _shard(manifest.key)):
        msg = "key does not belong to its run and store"
        raise ValueError(msg)
    if (manifest.cases is None) != (_shard(manifest.key) is None):
        msg = "cases belong to the key of a shard, and to no other"
        raise ValueError(msg)
    return manifest


def _cases(document: dict[str, Any]) -> tuple[int, int] | None:
    if "cases" not in document:
        return None
    found = field_of(document, "cases", list)
    is_pair = [type(number) for number in found] == [int, int]
    if not is_pair or not 0 <= found[0] < found[1] <= MOST_COUNT:
        msg = "cases are not the number of the first case and of the one behind the last"
        raise ValueError(msg)
    return found[0], found[1]


def _distributions(document: dict[str, Any]) -> dict[str, str]:
    if "distributions" not in document:
        return {}
    found = field_of(document, "distributions", dict)
    if not all(isinstance(word, str) and _WORD.fullmatch(word) for word in (*found, *found.values())):
        msg = "distributions do not map names to versions"
        raise ValueError(msg)
    return found


def _python(document: dict[str, Any]) -> str | None:
    if "python" not in document:
        return None
    found = field_of(document, "python", str)
    if not _WORD.fullmatch(found):
        msg = "python is not a version"
        raise ValueError(msg)
    return found


def _providers(document: dict[str, Any]) -> tuple[str, ...]:
    if "providers" not in document:
        return ()
    return tuple(checked_text("a provider", name) for name in field_of(document, "providers", list))


def _shard(key: str) -> tuple[int, int] | None:
    match = _SHARD.search(key)
    return None if match is None else (int(match[1]), int(match[2]))
