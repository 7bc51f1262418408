"""Calls of a model that a provider has, or whose time is limited: tried again until one succeeds, or is final.

A throttled call uses up no attempt: it waits at the provider's gate, which its own feedback closed, and goes again.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from themis.core.config import RuntimeConfig
from themis.core.engine.cases.claim_guard import NO_CLAIM, ClaimGuard
from themis.core.engine.limits import Feedback, Gate, Ticket
from themis.core.engine.retry_policy import (
    RetryPolicy,
    attempt_record,
    attempts_in,
    is_throttled,
    note_throttled,
    rate_limit_of,
    retry_after_s,
    status_of,
)
from themis.core.engine.spending.bound import Bound
from themis.core.errors import CallTimeoutError
from themis.core.models import Case, GenerationResult
from themis.core.processes.forks import end_copy, line
from themis.core.workflows import JudgeResponse, RenderedJudgePrompt

PROVIDER_DELAY_S = 0.5
PROVIDER_LONGEST_DELAY_S = 30.0
"""Seconds between the tries of a call to a provider, before the jitter at first, and with it at most."""

_MOST_JITTER = 2.0

Call = Callable[..., Any]


class Counts(Protocol):
    """Counts what the calls of one model use; see `Spending`."""

    @property
    def reserves(self) -> bool:
        """Whether calls must `reserve`."""

    async def reserve(self, *asked: Any) -> Bound:
        """Reserve what a call with these arguments may use; `settle` or `release` must follow."""

    def release(self, bound: Bound | None) -> None:
        """Give back what was reserved for a call that was not sent."""

    def settle(self, bound: Bound | None, answer: Any, error: BaseException | None) -> None:
        """Count a call that has ended."""


def generation_retries(runtime: RuntimeConfig, provider: str | None) -> RetryPolicy:
    """Return the policy for a generator's calls; those to a provider have a delay of their own by default."""
    return _retries(runtime, "generation", provider)


def judge_retries(runtime: RuntimeConfig, provider: str | None) -> RetryPolicy:
    """Return the policy for a judge's calls; those to a provider have a delay of their own by default."""
    return _retries(runtime, "judge", provider)


def _retries(runtime: RuntimeConfig, of: str, provider: str | None) -> RetryPolicy:
    attempts, delay_s, backoff = (getattr(runtime, f"{of}_retry_{name}") for name in ("attempts", "delay", "backoff"))
    if provider is None or delay_s != RuntimeConfig.model_fields[f"{of}_retry_delay"].default:
        return RetryPolicy(attempts, delay_s, backoff)
    return RetryPolicy(attempts, PROVIDER_DELAY_S, backoff, PROVIDER_LONGEST_DELAY_S / _MOST_JITTER)


class ModelCalls:
    """Calls through one gate, with the retries and time limits of a run."""

    def __init__(
        self,
        runtime: RuntimeConfig,
        gate: Gate,
        provider: str | None,
        spending: Counts | None = None,
        retries: RetryPolicy | None = None,
        guard: ClaimGuard = NO_CLAIM,
    ) -> None:
        """Calls to `provider`, if the model names one, through `gate`.

        Args:
            runtime: the time limits.
            gate: lets a call begin.
            provider: None for a model that names none.
            spending: counts what the calls use.
            retries: None for those of a generator.
            guard: holds up calls while the claim is uncertain; their time has not begun then.
        """
        self._gate = gate
        self._spending = spending
        self._budgeted = spending if spending is not None and spending.reserves else None
        self._waits_when_throttled = provider is not None
        self._retries = generation_retries(runtime, provider) if retries is None else retries
        self._request_timeout_s = runtime.request_timeout_s
        self._case_timeout_s = runtime.case_timeout_s
        self._forks = line.forks
        self._guard = guard

    async def result(self, call: Call, arguments: tuple[Any, ...], history: list[dict[str, Any]]) -> Any:
        """Return the result of `call`, tried again as the policy says; `history` gets the failed tries.

        Raises:
            CallTimeoutError: the last call had no answer in time.
            Exception: the last failure of the component, when it is final or its time is over.
        """
        deadline: float | None = None
        last: Exception | None = None
        while True:
            # Before the gate, so that nobody holds its limits while waiting for the budget.
            reserved = None if self._budgeted is None else await self._budgeted.reserve(*arguments)
            ticket = self._gate.ticket(_sent(arguments[0]))
            if not self._gate.enter_at_once(ticket):
                await self._enter(ticket, deadline, last, reserved)
            if line.forks != self._forks:
                end_copy()
            if deadline is None and self._case_timeout_s is not None:
                deadline = _now() + self._case_timeout_s
            feedback: Feedback | None = None
            result, failure = None, None
            try:
                await self._guard.passed()
                result = await self._within(call(*arguments), deadline)
                feedback = _feedback_of(result)
            except Exception as error:
                last = failure = error
                delay_s = self._delay_after(error, history)
                feedback = self._feedback_of_failure(error)
                if delay_s is None or (deadline is not None and _now() + delay_s >= deadline):
                    raise
                self._note(error, history, delay_s)
            else:
                return result
            finally:
                if line.forks != self._forks:
                    end_copy()  # a copy must not touch limits whose lock another thread may have held
                self._settle(reserved, result, failure)
                self._gate.leave(ticket, feedback)
            if delay_s:
                await asyncio.sleep(delay_s)

    def _settle(self, reserved: Bound | None, result: Any, failure: Exception | None) -> None:
        if self._spending is not None:
            self._spending.settle(reserved, result, failure)

    async def _enter(
        self, ticket: Ticket | None, deadline: float | None, last: Exception | None, reserved: Bound | None
    ) -> None:
        """Wait at the gate until a call may begin, or the case's time is over."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._gate.enter(ticket)
        except BaseException as error:
            if self._spending is not None:
                self._spending.release(reserved)
            if not isinstance(error, TimeoutError):
                raise
            assert last is not None, "the time begins with the first try"  # noqa: S101
            raise last from None

    async def _within(self, call: Any, deadline: float | None) -> Any:
        """Await a call for as long as it may last."""
        if deadline is None and self._request_timeout_s is None:
            return await call
        ends = deadline
        key, seconds = "case_timeout_s", self._case_timeout_s
        if self._request_timeout_s is not None:
            of_request = _now() + self._request_timeout_s
            if ends is None or of_request <= ends:
                ends, key, seconds = of_request, "request_timeout_s", self._request_timeout_s
        bound = asyncio.timeout_at(ends)
        try:
            async with bound:
                return await call
        except TimeoutError as error:
            if bound.expired() and isinstance(error.__cause__, asyncio.CancelledError):
                raise CallTimeoutError(seconds=seconds, key=key) from None
            raise

    def _delay_after(self, error: Exception, history: list[dict[str, Any]]) -> float | None:
        """Seconds until the next try; 0 for one that waits at the gate, None to give up."""
        if self._waits_when_throttled and is_throttled(error):
            return 0.0
        return self._retries.delay_after(error, attempts_in(history) + 1)

    def _note(self, error: Exception, history: list[dict[str, Any]], delay_s: float) -> None:
        if self._waits_when_throttled and is_throttled(error):
            note_throttled(history, error)
        else:
            history.append(attempt_record(error, attempts_in(history) + 1, delay_s))

    def _feedback_of_failure(self, error: Exception) -> Feedback:
        return Feedback(
            "throttled" if is_throttled(error) else "failed",
            rate_limit=rate_limit_of(error),
            retry_after_s=retry_after_s(error),
            status=status_of(error),
        )


def _sent(asked: Case | RenderedJudgePrompt) -> Any:
    """Return what a provider is sent, by whose length its tokens are estimated."""
    return asked.content if isinstance(asked, RenderedJudgePrompt) else asked.input


def _feedback_of(result: Any) -> Feedback:
    """Return what an answer says about limits; nothing, if the component returned something else."""
    if isinstance(result, JudgeResponse):
        return Feedback("answered", result.token_usage or {})
    if not isinstance(result, GenerationResult):
        return Feedback("answered")
    rate_limit = (result.artifacts or {}).get("rate_limit")
    return Feedback("answered", result.token_usage or {}, rate_limit if isinstance(rate_limit, dict) else {})


def _now() -> float:
    return asyncio.get_running_loop().time()
