"""Checks of a bundle, which may come from anybody: what it says about its run must fit together."""

import hashlib
import json
from typing import Any, TypeVar

from pydantic import ValidationError

from themis.core.bundles.models import SCHEMA_VERSION, Bundle
from themis.core.datasets.fingerprint import CASE_DIGEST_BYTES, case_digest
from themis.core.errors import BundleError
from themis.core.snapshot import RunSnapshot
from themis.core.text.canonical import canonical_json
from themis.core.text.pydantic_errors import problems, words

MOST_CHARACTERS = 2_000_000_000
"""Longest text that is read as a bundle."""

Kind = TypeVar("Kind", bound=Bundle)


def read_bundle(kind: type[Kind], given: Any) -> Kind:
    """Return a bundle that was given as one, as its JSON value, or as JSON text.

    Raises:
        BundleError: it is not a bundle of that kind and of a version that is known here.
    """
    if isinstance(given, kind):
        _refuse_newer(given.schema_version)
        return given
    if isinstance(given, Bundle):
        raise BundleError(detail=f"it is a {type(given).__name__}, not a {kind.__name__}")
    try:
        if isinstance(given, str | bytes | bytearray):
            if len(given) > MOST_CHARACTERS:
                raise BundleError(detail=f"its text has more than {MOST_CHARACTERS:,} characters")
            given = json.loads(given)
        if isinstance(given, dict) and isinstance(given.get("schema_version"), int):
            _refuse_newer(given["schema_version"])
        return kind.model_validate(given)
    except ValidationError as error:
        raise BundleError(detail=words(problems(error)[0])) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(detail=f"it is not JSON: {error}") from None


def _refuse_newer(version: int) -> None:
    if version > SCHEMA_VERSION:
        detail = (
            f"written by a newer Themis (form {version}, this version reads up to {SCHEMA_VERSION}); upgrade Themis"
        )
        raise BundleError(detail=detail)
    if version < 1:
        raise BundleError(detail=f"schema_version: {version} is not a version")


def check_run(bundle: Bundle) -> None:
    """Check that the parts of a bundle are about one run, and that its snapshot is what its id stands for.

    Raises:
        BundleError: they are not; the message names the first part that does not fit.
    """
    snapshot = bundle.snapshot
    if snapshot.run_id != bundle.run_id:
        detail = f"run_id: the snapshot is that of run {snapshot.run_id[:16]}, not of {bundle.run_id[:16]}"
        raise BundleError(detail=detail)
    try:
        count = snapshot.candidate_count
    except ValueError as error:
        raise BundleError(detail=f"snapshot.identity.{error}") from None
    identity = snapshot.identity
    for role, found in snapshot.component_refs.identity().items():
        _same(f"component_refs.{role}", found, getattr(identity, role))
    _same("datasets", [dataset.identity() for dataset in snapshot.datasets], identity.datasets)
    _same("metric_kinds", sorted(snapshot.metric_kinds), sorted(set(snapshot.metric_ids)))
    seeds = [identity.seeds, *(dataset.derived_seeds for dataset in snapshot.datasets)]
    if any(given and len(given) != count for given in seeds):
        raise BundleError(detail=f"snapshot: there are {count:,} candidates, and another number of seeds")


def _same(part: str, found: Any, expected: Any) -> None:
    if canonical_json(found) != canonical_json(expected):
        raise BundleError(detail=f"snapshot.{part}: does not fit snapshot.identity, which the run's id follows from")


def case_numbers(bundle: Bundle) -> dict[tuple[str, str], int]:
    """Return the number of each case in the run by its dataset's id and its digest.

    Raises:
        BundleError: the digests are not those of the run's datasets.
    """
    snapshot = bundle.snapshot
    if len(bundle.case_digests) != len(snapshot.datasets):
        detail = f"case_digests: {len(bundle.case_digests):,} datasets, but the run has {len(snapshot.datasets):,}"
        raise BundleError(detail=detail)
    found: dict[tuple[str, str], int] = {}
    for dataset, text in zip(snapshot.datasets, bundle.case_digests, strict=True):
        digests = _digests(text)
        content = hashlib.sha256(b"".join(digests)).hexdigest()
        if content != dataset.content or len(digests) != dataset.case_count:
            detail = f"case_digests: those of dataset {dataset.dataset_id!r} are not those of its content"
            raise BundleError(detail=detail)
        if dataset.cases is not None and [case_digest(case) for case in dataset.cases] != digests:
            raise BundleError(detail=f"snapshot.datasets: the cases of {dataset.dataset_id!r} are not its content")
        for digest in digests:
            found[dataset.dataset_id, digest.hex()] = len(found)
    if len(found) != snapshot.total_cases:
        raise BundleError(detail="snapshot.datasets: two have one id, or a case occurs twice")
    return found


def listed_ids(snapshot: RunSnapshot) -> dict[int, str]:
    """Return the ids of the cases that are listed in a run, by their numbers."""
    found: dict[int, str] = {}
    first = 0
    for dataset in snapshot.datasets:
        found |= {first + no: case.case_id for no, case in enumerate(dataset.cases or ())}
        first += dataset.case_count
    return found


def _digests(text: str) -> list[bytes]:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise BundleError(detail="case_digests: are not hexadecimal digits") from None
    return [data[start : start + CASE_DIGEST_BYTES] for start in range(0, len(data), CASE_DIGEST_BYTES)]
