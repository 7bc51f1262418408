"""Choice of cases by their numbers: shuffled, sliced, sampled."""

import hashlib
import heapq
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

from themis.core.values.dataset_selection import DatasetSelection


def chosen(numbers: Iterable[int], selection: DatasetSelection) -> Sequence[int]:
    """Return those of some cases' numbers that are taken, in the order in which they are taken.

    An order at random is that of hashes of seed and number: the same in every version of Python, and a case that is
    added to a file changes a sample by one at most.
    """
    if selection.shuffle is None and selection.slice is not None:
        numbers = islice(numbers, selection.slice.stop)  # the rest of a stream is not read
    found: Sequence[int] = array("q", numbers)
    if selection.shuffle is not None:
        seed = selection.shuffle
        found = array("q", sorted(found, key=lambda number: _key(seed, number)))
    if selection.slice is not None:
        found = found[selection.slice.start : selection.slice.stop]
    if selection.sample is not None and selection.sample.size < len(found):
        seed = selection.sample.seed
        taken = set(heapq.nsmallest(selection.sample.size, found, key=lambda number: _key(seed, number)))
        found = array("q", (number for number in found if number in taken))
    return found


def is_choice(selection: DatasetSelection) -> bool:
    """Whether a selection takes cases by their numbers."""
    return selection != DatasetSelection(
        choices=selection.choices, filter=selection.filter, shuffle_choices=selection.shuffle_choices
    )


def _key(seed: int, number: int) -> bytes:
    return hashlib.blake2b(b"%d %d" % (seed, number), digest_size=8).digest()
