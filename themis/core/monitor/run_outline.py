"""Outline of a run's experiment, read from the text of its snapshot without the models that wrote it."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from themis.core.components.metric_families import PURE
from themis.core.outcomes.items import Item, id_in_view
from themis.core.outcomes.stages import UNTIL_STAGES, Stage, until_name
from themis.core.stores.reading import RunRow, StoreReader
from themis.core.text.canonical import content_hash

_REMEMBERED = 4_096


class RunOutline(NamedTuple):
    """The outline of a run's experiment; the snapshot of another version may lack parts of it.

    Attributes:
        generator: the id of the generator.
        datasets: the ids of the datasets.
        metrics: the ids of the metrics by their column, see `Item`, in their order.
        kinds: equal for runs that should take equally long per case: first for the same generation and metrics, then,
            more widely, for the same generator.
        last: the last stage that does anything; the last of all where that is unknown.
    """

    generator: str
    datasets: tuple[str, ...]
    metrics: Mapping[int, str]
    kinds: tuple[str, str]
    last: Stage = Stage.JUDGE

    def last_stage(self, through: str) -> str:
        """Return the last stage that did anything, of those up to the one that the row of the run names.

        Version 4.0 recorded every complete run as judged.
        """
        return until_name(min(UNTIL_STAGES[through], self.last))


UNKNOWN = RunOutline("?", (), {}, ("", "?"))


class RunOutlines:
    """The outlines of one store's runs, each read once and cached."""

    def __init__(self, reader: StoreReader) -> None:
        """Start with an empty cache."""
        self._reader = reader
        self._known: dict[str, RunOutline] = {}

    def of(self, run: RunRow) -> RunOutline:
        """Return the outline of a run.

        Raises:
            StoreError: the store cannot be read now.
        """
        known = self._known.get(run.snapshot)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            text = self._reader.snapshot_text(run)
            known = self._known[run.snapshot] = UNKNOWN if text is None else outline_of(text)
        return known


def outline_of(text: bytes) -> RunOutline:
    """Return the outline in a snapshot's text; parts that cannot be read are unknown."""
    try:
        document = json.loads(text)
        refs = document["component_refs"]
        metrics = {Item(no).column: str(ref["component_id"]) for no, ref in enumerate(refs["metrics"])}
        for number, (view, of_view) in enumerate(sorted(refs.get("views", {}).items()), 1):
            named = enumerate(of_view["metrics"])
            metrics |= {Item(no, number).column: id_in_view(view, str(ref["component_id"])) for no, ref in named}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return UNKNOWN
    try:
        return _outline(document, metrics)
    except (KeyError, TypeError):
        return UNKNOWN._replace(metrics=metrics)


def _outline(document: dict[str, Any], metrics: Mapping[int, str]) -> RunOutline:
    identity = document["identity"]
    generator = str(document["component_refs"]["generator"]["component_id"])
    datasets = tuple(str(dataset["dataset_id"]) for dataset in document["datasets"])
    parts = [identity[name] for name in ("generator", "candidate_policy", "generation_prompt_spec", "metrics")]
    return RunOutline(generator, datasets, metrics, (content_hash(parts), generator), _last(document, metrics))


def _last(document: dict[str, Any], metrics: Mapping[int, str]) -> Stage:
    """The last stage that does anything, as in `RunSnapshot.last_stage`."""
    if any(kind != PURE for kind in document["metric_kinds"].values()):
        return Stage.JUDGE
    return Stage.SCORE if metrics else Stage.PARSE
