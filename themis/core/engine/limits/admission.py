"""The gates of a run: which call may begin, and which waits.

Every case comes through here several times, so what needs no provider costs little.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from themis.core.config import RuntimeConfig
from themis.core.engine.limits.account import Account
from themis.core.engine.limits.capacity import Capacity
from themis.core.engine.limits.feedback import Feedback, Ticket
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.values.provider_state import ProviderState

if TYPE_CHECKING:
    from themis.core.engine.limits.provider_gate import ProviderGate
    from themis.core.engine.limits.providers import Providers


class _Turn:
    """A call that waits."""

    __slots__ = ("may_begin", "ticket")

    def __init__(self, ticket: Ticket | None) -> None:
        self.may_begin: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ticket = ticket


class Gate:
    """The entry for calls of one kind; first come, first served.

    Attributes:
        waiters: the calls that wait, in order.
    """

    __slots__ = ("_admission", "_limits", "_provider", "waiters")

    def __init__(self, limits: Sequence[Capacity], admission: "Admission", provider: "ProviderGate | None") -> None:
        """A gate with `limits` and those of a provider, woken by `admission`."""
        self._limits = tuple(limits)
        self._provider = provider
        self._admission = admission
        self.waiters: deque[_Turn] = deque()

    def ticket(self, value: Any) -> Ticket | None:
        """The ticket for a call with the input `value`; None where no provider is asked."""
        return None if self._provider is None else self._provider.ticket(value)

    def enter_at_once(self, ticket: Ticket | None = None) -> bool:
        """Whether the call may begin now; if so, `leave` must follow. Waiting calls are never overtaken."""
        if self.waiters:
            return False
        for limit in self._limits:
            if not limit.has_room():
                return False
        if self._provider is not None and self._provider.try_take(_now(), ticket) > 0.0:
            return False
        for limit in self._limits:
            limit.take()
        return True

    async def enter(self, ticket: Ticket | None = None) -> None:
        """Wait until the call may begin; `leave` must follow."""
        turn = _Turn(ticket)
        self.waiters.append(turn)
        self._admission.waiting += 1
        self._admission.admit()
        try:
            await turn.may_begin
        except asyncio.CancelledError:
            if turn.may_begin.done() and not turn.may_begin.cancelled():
                self._leave_unused(ticket)
            elif turn in self.waiters:
                self.waiters.remove(turn)
                self._admission.waiting -= 1
                # The next one may be a call that could begin, or none that wants the room left to this run.
                self._admission.admit()
            raise

    def leave(self, ticket: Ticket | None = None, feedback: Feedback | None = None) -> None:
        """End the call, and admit others that wait; a provider's limits learn from `feedback`."""
        for limit in self._limits:
            limit.give()
        if self._provider is not None:
            self._provider.give(_now(), ticket, feedback)
        if self._admission.waiting:
            self._admission.admit()

    def admit(self, now: float) -> float | None:
        """Admit waiting calls; seconds after which to try again if nothing happens before, None if that is needless."""
        while self.waiters:
            turn = self.waiters[0]
            if not turn.may_begin.done():  # done: its task was cancelled
                if not all(limit.has_room() for limit in self._limits):
                    break
                if self._provider is not None and (wait_s := self._provider.try_take(now, turn.ticket)) > 0.0:
                    return wait_s
                for limit in self._limits:
                    limit.take()
                turn.may_begin.set_result(None)
            self.waiters.popleft()
            self._admission.waiting -= 1
        if self._provider is not None:
            self._provider.stop_wanting(len(self.waiters))
        return None

    def _leave_unused(self, ticket: Ticket | None) -> None:
        for limit in self._limits:
            limit.give()
        if self._provider is not None:
            self._provider.give_unused(ticket)
        if self._admission.waiting:
            self._admission.admit()


class Admission:
    """All gates of a run, and the limits that they share.

    Attributes:
        waiting: the calls that wait.
    """

    def __init__(self, runtime: RuntimeConfig, asked: "Providers | None" = None) -> None:
        """The limits of `runtime`; those of the providers that this process has `asked` are shared until `close`.

        Args:
            runtime: has the limits.
            asked: the providers; None for those of this process.
        """
        self._asked = asked
        self._runtime = runtime
        self._everything = Capacity(runtime.max_concurrent_tasks)
        self._stages = {key: Capacity(calls) for key, calls in runtime.stage_concurrency.items()}
        self._providers: dict[Account, ProviderGate] = {}
        self._gates: dict[tuple[Stage, Account | None], Gate] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._parts = 1
        self.waiting = 0

    def gate(self, stage: Stage, provider: str | None = None, component: Any = None) -> Gate:
        """The gate of a stage, and of the provider that the stage calls, with the key that `component` has."""
        asked = None if provider is None else Account(provider, _credential_of(component))
        known = self._gates.get((stage, asked))
        if known is None:
            of_stage = self._stages.get(NAMES[stage].concurrency_key)
            limits = [self._everything] if of_stage is None else [self._everything, of_stage]
            known = Gate(limits, self, None if asked is None else self._provider(asked))
            self._gates[stage, asked] = known
        return known

    def close(self) -> None:
        """Leave the limits of providers to the other runs."""
        if self._timer is not None:
            self._timer.cancel()
        for provider in self._providers.values():
            provider.close()
        self._providers.clear()
        self._gates.clear()

    def divide(self, parts: int) -> None:
        """Keep to one of several equal parts of the providers' limits from now on, as the others are kept elsewhere."""
        self._parts = parts
        for provider in self._providers.values():
            provider.divide(parts)

    def states(self) -> tuple[ProviderState, ...]:
        """The limits of the run's providers as they are now; callable from any thread."""
        return tuple(provider.state() for provider in list(self._providers.values()))

    def admit(self) -> None:
        """Admit every call that may begin, and run again when a rate will have room."""
        now = _now()
        soonest: float | None = None
        for gate in self._gates.values():
            wait_s = gate.admit(now)
            if wait_s is not None:
                soonest = wait_s if soonest is None else min(soonest, wait_s)
        if soonest is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(soonest, self.admit)

    def _provider(self, asked: Account) -> "ProviderGate":
        known = self._providers.get(asked)
        if known is None:
            # What shares limits between processes takes 30 ms to import, which a run that asks no provider needs not.
            from themis.core.engine.limits.provider_gate import ProviderGate  # noqa: PLC0415
            from themis.core.engine.limits.provider_rules import rules_of  # noqa: PLC0415
            from themis.core.engine.limits.providers import providers  # noqa: PLC0415

            rules = rules_of(self._runtime, asked.provider)
            waiting = partial(self._waiting_for, asked)
            known = ProviderGate(self._asked or providers, asked, rules, self.admit, waiting)
            known.divide(self._parts)
            self._providers[asked] = known
        return known

    def _waiting_for(self, account: Account) -> int:
        return sum(len(gate.waiters) for (_, asked), gate in list(self._gates.items()) if asked == account)


def _credential_of(component: Any) -> str | None:
    found = getattr(component, "credential", None)
    return found if isinstance(found, str) and found else None


def _now() -> float:
    return asyncio.get_running_loop().time()
