"""Limit on requests per minute: the generic cell rate algorithm, ITU-T I.371; each process takes slots ahead."""

import math

from themis.core.shared_limits.quota_document import QuotaDocument, Slots

CATCH_UP_S = 0.25
"""Seconds within which a rate may catch up on missed calls, since timers are coarser than a high rate's interval."""

SHARE_OF_QUOTA = 0.975
"""Part of a provider's quota that is used.

Requests are counted by the provider when they arrive, not when they are sent. Calls that were late on their way share a
minute with calls that were not, so a quota that is used to the last request is exceeded at the provider.
"""

SLICE_S = 0.05
"""Seconds of a quota that are taken at a time, at least one request: what a killed process has taken is lost."""


def seconds_each(per_minute: float) -> float:
    """The seconds from one to the next, when `per_minute` is a provider's quota."""
    return 60.0 / (per_minute * SHARE_OF_QUOTA)


def first_slot(document: QuotaDocument, now: float, interval_s: float) -> float:
    """Return when the next request that nobody has taken may begin."""
    document.free = [one for one in document.free if one.interval_s >= interval_s and one.at > now - CATCH_UP_S]
    due = max(document.next_request, now - CATCH_UP_S) if document.next_request else now
    return min([due, *(one.at for one in document.free)])


def take_slots(document: QuotaDocument, at: float, until: float, interval_s: float, most: int) -> Slots:
    """Take the slots from `at`, which is when the next one is due or later, to `until`: one to `most`."""
    given_back = next((one for one in document.free if one.at <= at), None)
    if given_back is not None:
        document.free.remove(given_back)
        taken = Slots(given_back.at, given_back.interval_s, min(most, given_back.count))
        rest = given_back.count - taken.count
        if rest:
            later = Slots(taken.at + taken.count * taken.interval_s, taken.interval_s, rest)
            document.free.insert(0, later)
        return taken
    taken = Slots(at, interval_s, min(most, max(1, math.ceil((until - at) / interval_s))))
    document.next_request = at + taken.count * interval_s
    return taken
