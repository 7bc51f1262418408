"""Means of the metrics of a run, by metric id."""

from themis.core.text.nearest import nearest_hint


class MetricMeans(dict[str, float]):
    """Means by metric id; asking for a metric without one raises a KeyError that names those there are."""

    def __missing__(self, metric_id: str) -> float:
        """Raise the error for a metric that has no mean."""
        raise KeyError(f"no mean of {metric_id}" + (nearest_hint(metric_id, self) or "; no metric has a score"))
