"""Errors of a run, and of the call that asks for it."""

from themis.core.errors.base import InputError, StateError, ThemisError, UnavailableError


class UnknownRunError(InputError):
    """run {run_id}: not in this store{nearest}"""


class UnknownTargetError(InputError):
    """{target}: {detail}"""


class AmbiguousTargetError(InputError):
    """{target} names several; {mend}: {matches}"""


class RunExistsError(InputError):
    """run {run_id} exists already ({status}) and runtime.existing_run_policy is "error"; use "auto" to continue it or "rerun" to start from scratch"""


class OtherShardsError(InputError):
    """run {run} is in the queue {how}, {state}, so it cannot be submitted with shards={now} too; submit it with the same number, or cancel it first"""


class RunBusyError(UnavailableError):
    """run {run}: run lock held by {holder}{since}, and two processes would pay for each case twice; wait for it (themis run --wait), or stop it first"""

    retry_after_s: float


class CodeChangedError(InputError):
    """run {run}: the source of {component} ({where}) was edited ({parts}) under the same fingerprint, and runtime.code_changes is "refuse"; change its fingerprint or version, or choose "warn" or "ignore" there"""


class NothingToReplayError(InputError):
    """run {run}: no case has its generations yet, so that there is nothing to replay; run it first"""


class InvalidArgumentError(InputError):
    """{argument}: {detail}"""


class BadResultError(StateError):
    """{component} returned {found} instead of a {expected}"""


class ContinuationCountError(StateError):
    """{component} returned {found} log-likelihoods, which are not those of the {expected} continuations that it was asked about, in order"""


class TimeLimitError(StateError):
    """the time limit of {seconds:g} s is over"""


class UnknownPriceError(InputError):
    """runtime.budget.usd: no price of {model} of {provider} is known, so that it cannot be kept; add it to {path}{mend}, or set runtime.budget.tokens instead"""


class UnboundedCallError(InputError):
    """runtime.budget: {why}, so that a call could cost more than is left; {mend}"""

    stops_run = True


class BudgetSpentError(StateError):
    """budget: {used} of {limit} used, and the next call may need up to {need}; finished cases are stored, and a larger runtime.budget.{key} continues the run"""


class CallTimeoutError(ThemisError, TimeoutError):
    """no answer within {seconds:g} s (runtime.{key})"""


class ForkedCopyError(StateError):
    """process {pid} is a forked copy of a process with an active run and must not continue it: {what}; end a forked child with os._exit"""


class RunningLoopError(StateError):
    """{method}() cannot run inside a running event loop; await {method}_async() instead"""
