"""A stored run with its components and datasets where they are submitted, whatever its own snapshot names."""

from typing import Any

from themis.core.components.run_refs import ComponentRefs, ViewRefs
from themis.core.snapshot import RunSnapshot


def found_as(submitted: RunSnapshot, stored: RunSnapshot) -> RunSnapshot:
    """Return a stored run as its worker is to find it: from an import, it may name anything, and load it."""
    datasets = [
        new.model_copy(update={"derived_seeds": old.derived_seeds})
        for old, new in zip(stored.datasets, submitted.datasets, strict=True)
    ]
    refs = _found(stored.component_refs, submitted.component_refs)
    return stored.model_copy(
        update={"component_refs": refs, "datasets": datasets, "media_folder": submitted.media_folder}
    )


def _found(stored: ComponentRefs, submitted: ComponentRefs) -> ComponentRefs:
    """Return the stored references with the targets of those that are submitted."""
    found: dict[str, object] = {}
    for role in ComponentRefs.model_fields:
        if role != "views":
            found[role] = _there(getattr(stored, role), getattr(submitted, role))
    views = {
        name: ViewRefs(
            parsers=_there(view.parsers, submitted.views[name].parsers),
            metrics=_there(view.metrics, submitted.views[name].metrics),
        )
        for name, view in stored.views.items()
    }
    return stored.model_copy(update={**found, "views": views})


def _there(before: Any, now: Any) -> Any:
    """Return a reference, or a list of them, with the targets of `now`."""
    if isinstance(before, list):
        return [_there(old, new) for old, new in zip(before, now, strict=True)]
    return None if before is None else before.model_copy(update={"target": now.target})
