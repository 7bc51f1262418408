"""Values for those who watch a run as a whole: its cases, the calls of its models, and its scores.

These are plain values like the contexts, and for the same reason: only Themis creates them, several for every case.
"""

from themis.core.observations.calls import ModelCall, ModelTry
from themis.core.observations.cases import ObservedCase
from themis.core.observations.scores import CaseScore

__all__ = ["CaseScore", "ModelCall", "ModelTry", "ObservedCase"]
