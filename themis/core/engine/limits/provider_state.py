"""State of a provider's limits at one moment, for people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderState:
    """The limits of one provider in this process at one moment.

    Attributes:
        provider: its `provider_key`.
        limit: calls that may be in flight now; None when nothing limits them.
        in_flight: calls that are.
        waiting: calls that wait to begin.
        why: what decides the limit.
    """

    provider: str
    limit: int | None
    in_flight: int
    waiting: int
    why: str
