"""What every number of a configuration, a manifest and a command line is bounded by.

No bound is one that anybody needs: beyond them a clock, a database or a timer of the operating system overflows, or the
work would never end. A number that is refused where it is written stops no worker later.
"""

MOST_SECONDS = 1e9
"""The longest time limit: some thirty years. Timers end at nine times that."""

MOST_DELAY_S = 86_400.0
"""The longest pause before something is tried again: a day."""

MOST_COUNT = 1_000_000
"""The most tries, samples of one case and calls at once; and MiB of memory, as manifests have always had it."""

MOST_MIB = 2**53
"""The most that is said of a disk or a file, in MiB."""

MOST_FACTOR = 1_000.0
"""The most that a delay grows by from one try to the next."""

LEAST_RATE, MOST_RATE = 1e-6, 1e9
"""Requests a minute: from one in two years."""

LEAST_SEED, MOST_SEED = -(2**63), 2**64 - 1
"""What fits into 64 bits, with a sign or without."""
