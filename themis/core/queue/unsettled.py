"""Policy for an attempt that has ended and whose end could not be written: whether to try that again.

A store that does not answer may have written the end; to settle the claim again finds that out, see
`transitions.unanswered`. So a worker tries until the store answers or it has to end itself, and marks the claim before
it waits: if it is killed meanwhile, the recovery charges nobody.
"""

from themis.core.errors import StoreError, StoreGoneError
from themis.core.queue.transitions.claims import Claim

SETTLE_AGAIN_S = 1.0
"""Seconds until the next try."""


def is_settled_again(claim: Claim, error: Exception) -> bool:
    """Decide what follows from an error of `Claim.settle`, other than the claim's loss.

    Returns:
        True for a claim that is to be settled again, after `SETTLE_AGAIN_S`; it is excused. False for one that is
        abandoned: its store is gone, or the error is not one of a store or a disk; should the store come back, the job
        is recovered as an orphan.
    """
    if isinstance(error, StoreGoneError) or not isinstance(error, StoreError | OSError):
        claim.abandon()
        return False
    claim.excuse()
    return True
