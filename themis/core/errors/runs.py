"""What can be wrong with a run, and with how it is asked for."""

from themis.core.errors.base import InputError, StateError, UnavailableError


class UnknownRunError(InputError):
    """run {run_id}: not in this store{nearest}"""


class RunExistsError(InputError):
    """run {run_id} exists already ({status}) and runtime.existing_run_policy is "error"; use "auto" to continue it or "rerun" to start afresh"""


class RunBusyError(UnavailableError):
    """run {run}: {holder} has had it in hand{since}, and two of them would pay for each case twice; wait for it (themis run --wait), or stop it first"""

    retry_after_s: float


class InvalidArgumentError(InputError):
    """{argument}: {detail}"""


class BadResultError(StateError):
    """{component} returned {found} instead of a {expected}"""


class TimeLimitError(StateError):
    """the time limit of {seconds:g} s is over"""


class ForkedCopyError(StateError):
    """process {pid} is a forked copy of one in which a run goes, and may do nothing of it: {what}; end a forked child by os._exit"""


class RunningLoopError(StateError):
    """{method}() cannot run inside a running event loop; await {method}_async() instead"""
