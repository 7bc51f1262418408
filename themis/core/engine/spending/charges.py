"""Charges for calls that have ended, as far as an answer or a failure says."""

from typing import Any, NamedTuple

from themis.core.cost.spend import Fate
from themis.core.cost.tokens import Tokens, tokens_of
from themis.core.engine.retry_policy import said_by, status_of
from themis.core.models import GenerationResult
from themis.core.workflows import JudgeResponse

_ERRORS = range(400, 600)
_CUT_OFF = frozenset({408, 499, 502, 504, 520, 522, 524})
"""Statuses of a gateway that waits no longer: the model behind it may go on, and be charged for."""

_USUAL_TIERS = frozenset({"", "default", "standard", "auto"})


class Charge(NamedTuple):
    """Tokens that a call was charged for.

    Attributes:
        fate: a `Fate`.
        tokens: None when nobody has counted them.
        served: the model that answered; empty when that is unknown.
        tier: the service tier of the answer; empty for the usual one.
    """

    fate: Fate
    tokens: Tokens | None
    served: str = ""
    tier: str = ""


def charge_of(answer: Any, error: BaseException | None) -> Charge | None:
    """Return what a call that has ended was charged for; None when certainly nothing.

    Without an answer and an error, it was cancelled.
    """
    return charge_of_failure(error) if answer is None else charge_of_answer(answer)


def charge_of_answer(answer: Any) -> Charge:
    """Return what an answer was charged for."""
    if isinstance(answer, JudgeResponse):
        tokens = tokens_of(answer.token_usage)
        return Charge(Fate.UNKNOWN if tokens is None else Fate.ANSWERED, tokens)
    if not isinstance(answer, GenerationResult):
        return Charge(Fate.UNKNOWN, None)
    tokens = tokens_of(answer.token_usage)
    fate = Fate.UNKNOWN if tokens is None else Fate.ANSWERED
    return Charge(fate, tokens, answer.served_model or "", tier_of(answer.artifacts))


def charge_of_failure(error: BaseException | None) -> Charge | None:
    """Return what a call without an answer was charged for; None when certainly nothing.

    A reply with an error is not charged for, nor is a request that could not be sent. A call that was cut off, by a
    time-out or with its connection, may have been: `error` is None for one that was cancelled.
    """
    if error is None:
        return Charge(Fate.UNKNOWN, None)
    tokens = tokens_of(said_by(error, "token_usage"))
    if tokens is not None:
        return Charge(Fate.FAILED, tokens)
    status = status_of(error)
    if said_by(error, "unsent") is True or (status in _ERRORS and status not in _CUT_OFF):
        return None
    return Charge(Fate.UNKNOWN, None)


def tier_of(artifacts: Any) -> str:
    """Return the service tier that an answer names, in its artifacts or in its reply; empty for the usual one."""
    facts = artifacts if isinstance(artifacts, dict) else {}
    reply = facts.get("raw_response")
    usage = reply.get("usage") if isinstance(reply, dict) else None
    for document in (facts, reply, usage):
        found = document.get("service_tier") if isinstance(document, dict) else None
        if isinstance(found, str):
            return "" if found in _USUAL_TIERS else found[:64]
    return ""
