"""Reuse keys and snapshot of a run after a replay: they say which code made its results."""

from collections.abc import Mapping

from themis.core.components.run_refs import ViewRefs
from themis.core.engine.replaying.request import ReplayRequest
from themis.core.identity.reuse_keys import is_plain, lending_keys, reuse_place
from themis.core.outcomes.items import Item
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot


def replayed_snapshot(stored: RunSnapshot, now: RunSnapshot, request: ReplayRequest) -> RunSnapshot:
    """Return the stored snapshot with the references of `now` for the components that were called again."""
    before, found = stored.component_refs, now.component_refs
    changes: dict[str, object] = {
        "metrics": [
            old if request.keeps(Stage.SCORE, item) and request.keeps(Stage.JUDGE, item) else new
            for item, (old, new) in enumerate(zip(before.metrics, found.metrics, strict=True))
        ]
    }
    views = {}
    for number, (name, view) in before.numbered_views().items():
        new_view = found.views[name]
        metrics = [
            old if request.keeps(Stage.SCORE, Item(no, number).number) else new
            for no, (old, new) in enumerate(zip(view.metrics, new_view.metrics, strict=True))
        ]
        parsers = new_view.parsers if request.first <= Stage.PARSE else view.parsers
        views[name] = ViewRefs(parsers=parsers, metrics=metrics)
    changes["views"] = views
    if request.first <= Stage.PARSE:
        changes["parsers"] = found.parsers
    if request.first <= Stage.SELECT:
        changes |= {"selector": found.selector, "reducer": found.reducer}
    if request.first <= Stage.JUDGE:
        changes["judge_models"] = found.judge_models
    return stored.model_copy(update={"component_refs": before.model_copy(update=changes)})


def keys_after(snapshot: RunSnapshot, had: Mapping[str, str], request: ReplayRequest) -> dict[str, str]:
    """Return the reuse keys that are valid for all outcomes of a run after a replay.

    A key says what made an outcome and everything that it was made of: a new outcome has one if what was kept has.

    Args:
        snapshot: the run's after the replay.
        had: the keys that were valid before.
        request: what was replayed.
    """
    now = lending_keys(snapshot)
    places = {name: reuse_place(name) for name in now}
    valid = {name for name, key in now.items() if had.get(name) == key}
    made_of: dict[tuple[int, bool], list[str]] = {}
    for name, (stage, _, dataset_no) in places.items():
        of_dataset = made_of.setdefault((dataset_no, is_plain(name)), [])
        if stage < min(request.first, Stage.SCORE):
            of_dataset.append(name)
    valid |= {
        name
        for name, (stage, item, dataset_no) in places.items()
        if not request.keeps(stage, item) and valid.issuperset(made_of[dataset_no, is_plain(name)])
    }
    return {name: key for name, key in now.items() if name in valid}
