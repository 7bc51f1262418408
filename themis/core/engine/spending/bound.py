"""Upper bound of a call's use."""

from typing import NamedTuple


class Bound(NamedTuple):
    """The most that one call can use.

    Attributes:
        input, output: tokens.
        nano_usd: billionths of a dollar; 0 where dollars are not limited.
        tier: the service tier that it asks for; empty for the usual one.
    """

    input: int
    output: int
    nano_usd: int
    tier: str = ""

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input + self.output
