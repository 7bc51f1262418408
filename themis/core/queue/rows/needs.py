"""Class of a job: what it needs, as a short text that is the same for all jobs that need the same.

A worker judges one job of each class by its manifest, and then asks for jobs of the classes that it takes. So its
claims never read the jobs that are for others, however many there are.
"""

import hashlib
from typing import Any

from themis.core.errors import ManifestError
from themis.core.queue.model import manifest_file
from themis.core.queue.model.claim_policy import minor_version
from themis.core.queue.model.manifest_file import Manifest
from themis.core.text.canonical import canonical_json

_UNREADABLE = "?"
_DIGITS = 16


def of(manifest: Manifest) -> str:
    """Return the class of a job: whatever a claim policy may look at."""
    facts: dict[str, Any] = {
        "format": manifest.format,
        "tags": sorted(manifest.tags),
        "version": manifest.version,
        "distributions": manifest.distributions,
    }
    if manifest.python is not None:  # the class of those that say nothing stays what it was
        facts["python"] = minor_version(manifest.python)
    if manifest.providers:
        facts["providers"] = sorted(manifest.providers)
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()[:_DIGITS]


def of_text(text: str) -> str:
    """Return the class of the job with a manifest."""
    try:
        return of(manifest_file.decode(text.encode(), "", key=None))
    except ManifestError:
        return _UNREADABLE
