"""Upper bound of a call's use."""

from typing import NamedTuple


class Bound(NamedTuple):
    """The most that one call can use, or several together.

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

    def plus(self, other: "Bound") -> "Bound":
        """Return the bound of both together, in the tier of `other`."""
        return Bound(self.input + other.input, self.output + other.output, self.nano_usd + other.nano_usd, other.tier)


NOTHING = Bound(0, 0, 0)
