"""A refused key ends a job wherever it was noticed, and only a person lets it go on."""

import pytest

from themis.core.errors import BatchesRefusedError, KeyRefusedError, MissingSecretError, ProviderOutageError
from themis.core.jobs.claimed_job import classify
from themis.core.queue.model.states import POLICIES, Cause, JobState


class RefusedError(Exception):
    """A reply of a provider."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"status {status_code}")
        self.status_code = status_code


def refused_batches(status: int) -> BatchesRefusedError:
    error = BatchesRefusedError(failures=1, detail="no", retry_after_s=None)
    error.__cause__ = RefusedError(status)
    return error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (KeyRefusedError(failures=5, detail="no", retry_after_s=None), Cause.AUTHENTICATION),
        (refused_batches(401), Cause.AUTHENTICATION),
        (refused_batches(403), Cause.AUTHENTICATION),
        (refused_batches(400), Cause.PROVIDER),
        (RefusedError(401), Cause.AUTHENTICATION),
        (RefusedError(500), Cause.TRANSIENT),
        (ProviderOutageError(failures=5, detail="no", retry_after_s=None), Cause.PROVIDER),
        (MissingSecretError(where="generation.generator", name="KEY"), Cause.CONFIGURATION),
    ],
)
def test_what_a_job_ended_with_is_classified(error: Exception, cause: Cause) -> None:
    assert classify(error).cause is cause


@pytest.mark.parametrize("cause", [Cause.AUTHENTICATION, Cause.REPEATED, Cause.FAILED_CASES, Cause.CONFIGURATION])
def test_what_nobody_but_a_person_mends_is_not_tried_again(cause: Cause) -> None:
    assert POLICIES[cause].ends is JobState.FAILED
