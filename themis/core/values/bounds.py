"""Bounds of every number in a configuration, a manifest or a command line.

Nobody needs values beyond these bounds: a clock, a database or a timer of the operating system would overflow, or the
work would never end. A number that is refused early cannot stop a worker later.
"""

MOST_SECONDS = 1e9
"""The longest time limit: about thirty years. Timers overflow at nine times that."""

MOST_DELAY_S = 86_400.0
"""The longest pause before something is tried again: a day. One that a server asks for and that is longer is a mistake,
such as a time of day or milliseconds."""

MOST_COUNT = 1_000_000
"""The maximum of tries, samples of one case and concurrent calls; and of MiB of memory, as in all manifests so far."""

MOST_MIB = 2**53
"""The maximum size of a disk or a file, in MiB."""

MOST_FACTOR = 1_000.0
"""The maximum factor by which a delay grows from one try to the next."""

LEAST_RATE, MOST_RATE = 1e-6, 1e9
"""Requests per minute: at least one in two years."""

MOST_TOKENS = 10**15
"""The maximum of tokens in a budget or of a model."""

MOST_USD = 1e9
"""The maximum of US dollars in a budget."""

LEAST_SEED, MOST_SEED = -(2**63), 2**64 - 1
"""Bounds of a seed: it fits into 64 bits, with or without a sign."""

MOST_SHARDS = 999
"""Shards of one run, at most: their keys have three digits."""
