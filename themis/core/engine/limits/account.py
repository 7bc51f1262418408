"""That to which the limits of a provider belong."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """That to which limits belong.

    Attributes:
        provider: its `provider_key`.
        credential: the API key; None for none, and where it is not known.
    """

    provider: str
    credential: str | None = field(default=None, repr=False)
