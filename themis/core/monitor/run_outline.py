"""What a run is about, read from the text of its snapshot without the models that wrote it."""

import json
from typing import Any, NamedTuple

from themis.core.stores.reading import RunRow, StoreReader
from themis.core.text.canonical import content_hash

_REMEMBERED = 4_096


class RunOutline(NamedTuple):
    """What a run is about; another version's snapshot may not say all of it.

    Attributes:
        generator: its id.
        datasets: their ids.
        metrics: their ids, in their order.
        kinds: equal in runs that should take as long for a case: whose generation and metrics are the same; and, more
            widely, whose generator is.
    """

    generator: str
    datasets: tuple[str, ...]
    metrics: tuple[str, ...]
    kinds: tuple[str, str]


UNKNOWN = RunOutline("?", (), (), ("", "?"))


class RunOutlines:
    """The outlines of one store's runs, each read once."""

    def __init__(self, reader: StoreReader) -> None:
        """Nothing is read yet."""
        self._reader = reader
        self._known: dict[str, RunOutline] = {}

    def of(self, run: RunRow) -> RunOutline:
        """What a run is about.

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
    """What a snapshot's text says of its run."""
    try:
        document = json.loads(text)
        refs = document["component_refs"]
        metrics = tuple(str(ref["component_id"]) for ref in refs["metrics"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return UNKNOWN
    try:
        return _outline(document, metrics)
    except (KeyError, TypeError):
        return UNKNOWN._replace(metrics=metrics)


def _outline(document: dict[str, Any], metrics: tuple[str, ...]) -> RunOutline:
    identity = document["identity"]
    generator = str(document["component_refs"]["generator"]["component_id"])
    datasets = tuple(str(dataset["dataset_id"]) for dataset in document["datasets"])
    parts = [identity[name] for name in ("generator", "candidate_policy", "generation_prompt_spec", "metrics")]
    return RunOutline(generator, datasets, metrics, (content_hash(parts), generator))
