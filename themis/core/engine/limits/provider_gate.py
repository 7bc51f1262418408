"""The gate of one run at one provider."""

from collections.abc import Callable
from typing import Any

from themis.core.engine.limits.account import Account
from themis.core.engine.limits.feedback import Feedback, Ticket
from themis.core.engine.limits.providers import Providers
from themis.core.engine.limits.share import Share
from themis.core.engine.limits.token_estimate import TokenEstimate, characters_of
from themis.core.values.provider_state import ProviderState
from themis.core.values.run_rules import RunRules


class ProviderGate:
    """A run's way to the limits of a provider, which it shares with the other runs of this process."""

    def __init__(
        self,
        providers: Providers,
        asked: Account,
        rules: RunRules,
        wake: Callable[[], None],
        waiting: Callable[[], int],
    ) -> None:
        """Take part in the limits of a provider, until `close`.

        Args:
            providers: those that runs of this process ask.
            asked: the provider, and the key.
            rules: what the run's configuration says about it.
            wake: called on the run's event loop when a call that waits may begin.
            waiting: the number of calls that wait; called from any thread.
        """
        self._share = Share(rules, wake, waiting)
        self._rules = rules
        self._estimate = TokenEstimate()
        self._providers = providers
        self._limits = providers.join(asked, self._share)

    def divide(self, parts: int) -> None:
        """Keep to one of several equal parts of the limits."""
        rules = self._rules.divided(parts)
        if rules != self._share.rules:
            self._limits.follow(self._share, rules)

    def close(self) -> None:
        """Take part no longer; limits that no run shares are forgotten."""
        self._providers.leave(self._limits, self._share)

    def ticket(self, value: Any) -> Ticket:
        """The ticket of a call with the input `value`: with an estimate of its tokens, where they are limited."""
        if not self._limits.limits_tokens:
            return Ticket()
        characters = characters_of(value)
        return Ticket(characters, self._estimate.tokens(characters))

    def try_take(self, now: float, ticket: Ticket | None) -> float:
        """Let a call begin, and return 0; else the seconds after which to try again, if nothing wakes it before."""
        return self._limits.try_take(self._share, now, ticket)

    def stop_wanting(self, held_up: int) -> None:
        """Note that no call waits for this provider any more; `held_up` calls wait for another limit."""
        if self._share.wants and self._share.waiting() <= held_up:
            self._limits.stop_wanting(self._share)

    def give(self, now: float, ticket: Ticket | None, feedback: Feedback | None) -> None:
        """End a call; `feedback` is None when nothing is known of its end."""
        if ticket is not None and feedback is not None and feedback.usage:
            self._estimate.learn(ticket.characters, feedback.usage)
        self._limits.give(self._share, now, ticket, feedback)

    def give_unused(self, ticket: Ticket | None) -> None:
        """Take back a call that was let in and not made."""
        self._limits.give_unused(self._share, ticket)

    def state(self) -> ProviderState:
        """The limits as they are now; callable from any thread."""
        return self._limits.state()
