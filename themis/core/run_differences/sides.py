"""A run as one side of a comparison: its snapshot, and the digest of each of its cases."""

from dataclasses import dataclass

from themis.core.datasets.fingerprint import case_digest
from themis.core.datasets.sources import known_cases
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.snapshot import RunSnapshot, SnapshotDataset
from themis.core.stores import RunStore
from themis.core.stores.projections import stored_snapshot

Digests = dict[str, bytes]
"""The digest of each case of a dataset, by the case's id."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of two runs.

    Attributes:
        snapshot: the run.
        digests: those of the cases of each of its datasets, in order; None for a dataset that is not listed in a stored
            run and whose cases have not all ended.
    """

    snapshot: RunSnapshot
    digests: tuple[Digests | None, ...]


def compiled_side(run: CompiledRun) -> Side:
    """Return the run that a configuration describes."""
    digests = [
        {case.case_id: digest for case, digest in known_cases(source, known)}
        for source, known in zip(run.sources, run.fingerprints, strict=True)
    ]
    return Side(run.snapshot, tuple(digests))


def stored_side(store: RunStore, run_id: str) -> Side:
    """Return a stored run.

    Raises:
        UnknownRunError: the run is not in the store.
    """
    snapshot = stored_snapshot(store, run_id)
    digests: list[Digests | None] = []
    first = 0
    for dataset in snapshot.datasets:
        digests.append(_stored_digests(store, run_id, dataset, first))
        first += dataset.case_count
    return Side(snapshot, tuple(digests))


def _stored_digests(store: RunStore, run_id: str, dataset: SnapshotDataset, first: int) -> Digests | None:
    if dataset.cases is not None:
        return {case.case_id: case_digest(case) for case in dataset.cases}
    ends = store.ends_between(run_id, first, first + dataset.case_count)
    return {end.case_id: end.digest for end in ends} if len(ends) == dataset.case_count else None
