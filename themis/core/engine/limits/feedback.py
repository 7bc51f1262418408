"""One call to a provider, and what its end says about the provider's limits."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(slots=True, eq=False)
class Ticket:
    """One call on its way through a provider's gate.

    Attributes:
        characters: the length of its input.
        tokens: the estimate that is reserved for it; 0 where tokens are not limited.
        sent_at: when it was let in, by the clock of the event loop.
        slot: its turn in the provider's requests per minute.
        entry: the entry of the provider's token log that holds its tokens, until its usage is known.
    """

    characters: int = 0
    tokens: int = 0
    sent_at: float = 0.0
    slot: float | None = None
    entry: float | None = None


Ending = Literal["answered", "throttled", "failed"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """The end of a call.

    Attributes:
        ending: `throttled` when the provider asked for less.
        usage: the tokens that the answer says it used.
        rate_limit: what its headers say about the quota.
        retry_after_s: seconds that the provider asks to wait; 0 when it does not.
        status: the HTTP status of a throttled answer, if it is known.
    """

    ending: Ending
    usage: dict[str, int] = field(default_factory=dict)
    rate_limit: dict[str, Any] = field(default_factory=dict)
    retry_after_s: float = 0.0
    status: int | None = None
