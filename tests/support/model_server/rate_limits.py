"""Rate limits as providers announce them in headers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from multidict import CIMultiDict

Style = Literal["openai", "anthropic", "ietf", "ietf_fields", "epoch"]
Unit = Literal["seconds", "milliseconds", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One limit, what is left of it, and the seconds until it resets."""

    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The limits of a provider at one moment; None for what it does not limit."""

    requests: Allowance | None = None
    tokens: Allowance | None = None

    def headers(self, style: Style, now_at: float) -> dict[str, str]:
        """The headers of a provider's style; `now_at` in seconds since 1970, where the style says a time of day."""
        found: dict[str, str] = {}
        for kind, allowance in (("requests", self.requests), ("tokens", self.tokens)):
            if allowance is not None:
                found.update(_headers(style, kind, allowance, now_at))
        return found


def _headers(style: Style, kind: str, allowance: Allowance, now_at: float) -> dict[str, str]:
    limit, remaining, reset_s = str(allowance.limit), str(allowance.remaining), allowance.reset_s
    if style == "openai":
        return {
            f"x-ratelimit-limit-{kind}": limit,
            f"x-ratelimit-remaining-{kind}": remaining,
            f"x-ratelimit-reset-{kind}": duration(reset_s),
        }
    if style == "anthropic":
        return {
            f"anthropic-ratelimit-{kind}-limit": limit,
            f"anthropic-ratelimit-{kind}-remaining": remaining,
            f"anthropic-ratelimit-{kind}-reset": rfc3339(now_at + reset_s),
        }
    if kind == "tokens":  # the other styles know only requests
        return {}
    if style == "ietf":
        return {
            "ratelimit-policy": f'"default";q={limit};w=60',
            "ratelimit": f'"default";r={remaining};t={_whole(reset_s)}',
        }
    if style == "ietf_fields":
        return {
            "ratelimit-limit": limit,
            "ratelimit-remaining": remaining,
            "ratelimit-reset": str(_whole(reset_s)),
        }
    return {
        "x-ratelimit-limit": limit,
        "x-ratelimit-remaining": remaining,
        "x-ratelimit-reset": str(int((now_at + reset_s) * 1000)),
    }


def duration(seconds: float) -> str:
    """A time as OpenAI writes it: `12ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    shown = f"{round(rest, 3):g}s"
    return f"{int(minutes)}m{shown}" if minutes else shown


def rfc3339(at: float) -> str:
    """A time of day as Anthropic writes it, never too early: it has no parts of a second."""
    return datetime.fromtimestamp(_whole(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def retry_after(seconds: float, unit: Unit, now_at: float) -> dict[str, str]:
    """The header that asks a client to wait so many seconds, in one of the forms that providers use."""
    if unit == "milliseconds":
        return {"retry-after-ms": f"{seconds * 1000:g}"}
    if unit == "date":
        return {"retry-after": format_datetime(datetime.fromtimestamp(_whole(now_at + seconds), UTC), usegmt=True)}
    return {"retry-after": f"{seconds:g}"}


def wait_s(headers: "CIMultiDict[str]", now_at: float) -> float | None:
    """The seconds that these headers ask a client to wait; None when they ask for nothing."""
    if (milliseconds := headers.get("retry-after-ms")) is not None:
        return float(milliseconds) / 1000
    if (value := headers.get("retry-after")) is None:
        return None
    try:
        return float(value)
    except ValueError:
        return parsedate_to_datetime(value).timestamp() - now_at


def _whole(seconds: float) -> int:
    return int(-(-seconds // 1))
