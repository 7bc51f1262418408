"""Names of the questions of a batch: each says which candidate of which case it asks for."""

_PARTS = 3


def custom_id(nonce: str, case_no: int, item: int) -> str:
    """Return the name of a question; it has only letters, digits and `-`, and at most 64 of them."""
    return f"{nonce}-{case_no}-{item}"


def place_of(name: str, nonce: str) -> tuple[int, int] | None:
    """Return the case and the candidate that a name says; None for a name that is not of the batch with this nonce."""
    parts = name.split("-")
    if len(parts) != _PARTS or parts[0] != nonce or not all(part.isascii() and part.isdigit() for part in parts[1:]):
        return None
    return int(parts[1]), int(parts[2])
