"""Precautions of an attempt: what its job's row and its claim say about cases that kill the process."""

from functools import partial
from pathlib import Path

from themis.core.engine.run_options import Precautions
from themis.core.processes.noted_cases import NotedCases
from themis.core.queue.model.case_losses import CaseLosses
from themis.core.stores.job_rows import JobRow


def precautions_under(notes: Path | None, row: JobRow) -> Precautions:
    """Return those of the attempt that a claim has begun.

    Args:
        notes: path of the notes of its cases in flight; None when none can be kept.
        row: the job's row after the claim.
    """
    losses = CaseLosses.read(row.case_losses)
    return precautions(None if notes is None else str(notes), row.token or "", losses.alone, losses.ended)


def precautions(notes: str | None, token: str, alone: tuple[int, ...], lost: tuple[int, ...]) -> Precautions:
    """Return those of an attempt under the claim with a token; see `Precautions`."""
    make = None if notes is None or not token else partial(NotedCases.make, Path(notes), token)
    return Precautions(make, alone, lost)
