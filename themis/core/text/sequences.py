"""Distances of two sequences, computed for a whole row of their table at once, in the bits of one number.

Time is proportional to the number of cells of the table, divided by the bits that a machine adds at once; space to one
row for each different item. `cells` tells the number in advance.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def cells(one: Sequence[Item], other: Sequence[Item]) -> int:
    """Return the number of cells of the table of two sequences, without the items that both begin or end with."""
    one, other, _ = _without_ends(one, other)
    return len(one) * len(other)


def levenshtein(one: Sequence[Item], other: Sequence[Item]) -> int:
    """Return the least number of items to insert, delete or replace that makes one sequence the other.

    Source: Hyyrö, "A Bit-Vector Algorithm for Computing Levenshtein and Damerau Edit Distances", Nordic Journal of
    Computing 10 (2003), after Myers.
    """
    one, other, _ = _without_ends(one, other)
    if not one or not other:
        return len(one) + len(other)
    places, count = _places(one), len(one)
    full, last = (1 << count) - 1, count - 1
    up, down, distance = full, 0, count
    for item in other:
        match = places.get(item, 0)
        zero = (((match & up) + up) ^ up) | match | down
        right, left = down | (full & ~(zero | up)), zero & up
        distance += (right >> last & 1) - (left >> last & 1)
        right = (right << 1 | 1) & full
        up = (left << 1 | ~(zero | right)) & full
        down = right & zero
    return distance


def common_subsequence(one: Sequence[Item], other: Sequence[Item]) -> int:
    """Return the length of the longest common subsequence.

    Source: Hyyrö, "Bit-Parallel LCS-length Computation Revisited", AWOCA 2004.
    """
    one, other, same = _without_ends(one, other)
    if not one or not other:
        return same
    places, count = _places(one), len(one)
    full = (1 << count) - 1
    row = full
    for item in other:
        match = row & places.get(item, 0)
        row = ((row + match) | (row - match)) & full
    return same + count - row.bit_count()


def _without_ends(one: Sequence[Item], other: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item], int]:
    """Return two sequences, the shorter first, without what both begin and end with, and the length of that."""
    one, other = sorted((one, other), key=len)
    shortest, begin, end = len(one), 0, 0
    if one == other[:shortest]:
        return one[:0], other[shortest:], shortest
    while begin < shortest and one[begin] == other[begin]:
        begin += 1
    while end < shortest - begin and one[-1 - end] == other[-1 - end]:
        end += 1
    return one[begin : shortest - end], other[begin : len(other) - end], begin + end


def _places(items: Sequence[Item]) -> dict[Item, int]:
    """Return by item a number with a bit at each place of it."""
    found: defaultdict[Item, bytearray] = defaultdict(bytearray)
    for place, item in enumerate(items):
        mask = found[item]
        byte, bit = divmod(place, 8)
        if len(mask) <= byte:
            mask.extend(bytes(byte + 1 - len(mask)))
        mask[byte] |= 1 << bit
    return {item: int.from_bytes(mask, "little") for item, mask in found.items()}
