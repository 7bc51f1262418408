"""A number of things, for messages."""


def counted(count: int, thing: str) -> str:
    """Return a number of things: `1 case`, `1,319 cases`.

    Args:
        count: how many there are.
        thing: the noun for one of them, whose plural ends in s.
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
