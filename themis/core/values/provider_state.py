"""Limit on the calls to a provider at one moment, as people and programs see it."""

from dataclasses import dataclass

_MOST = 2**53


@dataclass(frozen=True, slots=True)
class ProviderState:
    """The limits of one provider in one process at one moment.

    Attributes:
        provider: its `provider_key`, without secrets.
        limit: calls that may be in flight now; None when nothing limits them.
        most: calls that the configuration and the operator allow at most; None when they set no limit.
        in_flight: calls that are.
        waiting: calls that wait to begin.
        why: reason for the present limit.
        processes: the processes of this host that share the limits of its key, this one included.
        shared_limit: calls that all of them may have in flight; None when nothing limits them, or for one process.
        is_full: whether it takes no more calls just now: some wait for it, or it is closed.
    """

    provider: str
    limit: int | None
    most: int | None
    in_flight: int
    waiting: int
    why: str
    processes: int = 1
    shared_limit: int | None = None
    is_full: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that are not counts: a report may come from any program.

        Raises:
            ValueError: a number is negative, or too large.
        """
        for count in (self.limit, self.most, self.in_flight, self.waiting, self.processes, self.shared_limit):
            if count is not None and not 0 <= count <= _MOST:
                msg = "a number of calls is out of range"
                raise ValueError(msg)

    @property
    def limit_text(self) -> str:
        """The limit for people, such as `24 of 100 at once`."""
        if self.limit is None:
            return "any number at once"
        return f"{self.limit:,}{'' if self.most in {None, self.limit} else f' of {self.most:,}'} at once"

    @property
    def shared_text(self) -> str:
        """The processes that share the limit, such as `3 processes share 40`; empty for one process."""
        if self.processes <= 1:
            return ""
        shared = "it" if self.shared_limit is None else f"{self.shared_limit:,}"
        return f"{self.processes:,} processes share {shared}"

    @property
    def short_text(self) -> str:
        """The limit and the reason for it, such as `24 of 100 at once (429 3 s ago; recovering)`."""
        return f"{self.limit_text} ({'; '.join(filter(None, (self.why, self.shared_text)))})"

    @property
    def text(self) -> str:
        """The provider, the limit and the reason for it."""
        return f"{self.provider} {self.short_text}"
