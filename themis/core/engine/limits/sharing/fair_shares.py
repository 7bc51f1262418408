"""Fair parts of a number of calls: max-min fairness, and what nobody wants is divided too."""

from collections.abc import Sequence


def fair_shares(calls: int, demands: Sequence[int]) -> list[int]:
    """Divide `calls` among those who want so many each.

    Nobody gets less than another who wants no more. What some do not want is shared by the others, and what nobody
    wants by all, who can use it without asking. What cannot be divided goes to the first.
    """
    shares = [0] * len(demands)
    wanting = [number for number, demand in enumerate(demands) if demand > 0]
    while wanting and calls > 0:
        each = calls // len(wanting)
        if each == 0:
            for number in wanting[:calls]:
                shares[number] += 1
            return shares
        for number in wanting:
            more = min(each, demands[number] - shares[number])
            shares[number] += more
            calls -= more
        wanting = [number for number in wanting if shares[number] < demands[number]]
    if shares and calls > 0:
        each, rest = divmod(calls, len(shares))
        shares = [share + each + (number < rest) for number, share in enumerate(shares)]
    return shares
