"""Limits on concurrent calls, on requests and tokens per minute, and what providers ask for while a run goes on.

A call enters through the gate of its stage and provider. A gate opens only when all its limits have room, and then
takes from all of them at once: no call holds one limit while it waits for another, so there is no deadlock, and no
limit stays idle because of a queue at another one.

The limits of a provider belong to the process: all runs of one `provider_key` share them, and take turns.
"""

from themis.core.engine.limits.admission import Admission, Gate
from themis.core.engine.limits.feedback import Feedback, Ticket
from themis.core.engine.limits.idle import idle_limits

__all__ = ["Admission", "Feedback", "Gate", "Ticket", "idle_limits"]
