"""Choice between two texts of one execution's spend."""

from themis.core.cost.spend import Spend, read_spend


def fuller(kept: str, other: str) -> str:
    """Return the later of two texts of one spend: it grows while its execution lasts. In doubt that is `kept`."""
    if kept == other:
        return kept
    try:
        return other if _extent(read_spend(other)) > _extent(read_spend(kept)) else kept
    except (ValueError, KeyError, TypeError):  # a text that no version has written
        return kept


def _extent(spend: Spend) -> tuple[int, bool]:
    groups = (*spend.groups.values(), *spend.judge_groups.values())
    return sum(calls for calls, _ in groups), spend.has_ended
