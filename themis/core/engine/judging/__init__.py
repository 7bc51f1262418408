"""Judging of the cases of a run: the calls of workflows, each through the gate of its judge, and what they come to.

A metric that asks judges holds no limit while it is evaluated; only its calls do, each on its own. So a workflow may
make many calls at once, and no two wait for each other.
"""

from themis.core.engine.judging.asking import Asking
from themis.core.engine.judging.opening import Judging, judging_of

__all__ = ["Asking", "Judging", "judging_of"]
