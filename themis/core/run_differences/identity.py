"""Comparison of two identities, field by field, in words."""

from collections.abc import Iterator
from typing import Any

from themis.core.base import JSONValue
from themis.core.run_differences.sides import Digests, Side
from themis.core.snapshot import SnapshotDataset
from themis.core.text.canonical import canonical_json
from themis.core.text.lines import one_line

Said = tuple[str, str]
"""The key that differs, as it is in a config file, and how."""

_ABSENT = object()
_SHOWN_CHARACTERS = 40
_NOTHING: Any = (None, {}, [])

_OF_GENERATION = ("generator", "selector", "reducer", "candidate_policy", "prompt", "task", "continuation")
_KEYS = {
    **dict.fromkeys(_OF_GENERATION, "generation"),
    **dict.fromkeys(("parsers", "metrics", "judge_models", "judge_config", "workflow_overrides"), "evaluation"),
    **dict.fromkeys(("on_no_answer", "on_stop", "views", "score_candidates"), "evaluation"),
}
_PATHS = {
    "generation_prompt_spec": "generation.prompt_spec",
    "evaluation_prompt_spec": "evaluation.prompt_spec",
    "block_rendering": "generation.prompt_spec.blocks",
}
"""Keys of a config file, by fields of an identity."""


def differing_fields(before: Side, now: Side) -> Iterator[Said]:
    """Yield each part of two identities that differs."""
    yield from _datasets(before, now)
    ours = before.snapshot.identity.model_dump(mode="json")
    theirs = now.snapshot.identity.model_dump(mode="json")
    for field in {**ours, **theirs}:
        if field == "datasets":
            continue
        path = _PATHS.get(field) or ".".join(filter(None, (_KEYS.get(field), field)))
        if field in {"parsers", "metrics", "judge_models"}:
            yield from _components(path, ours[field], theirs[field])
        else:
            yield from _values(path, ours.get(field, _ABSENT), theirs.get(field, _ABSENT))


def _components(path: str, before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[Said]:
    """Compare components by their ids, as their positions say little."""
    ours, theirs = ({found["id"]: found for found in several} for several in (before, now))
    for name in {**ours, **theirs}:
        if name not in theirs:
            yield path, f"{name} is gone"
        elif name not in ours:
            yield path, f"{name} is new"
        else:
            yield from _values(f"{path} {name}", ours[name], theirs[name])
    kept = [name for name in ours if name in theirs]
    if kept != [name for name in theirs if name in ours]:
        yield path, "their order is another one"


def _values(path: str, before: Any, now: Any) -> Iterator[Said]:
    """Compare two JSON values; parts of mappings are compared one by one."""
    before, now = _as_mappings(before, now)
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            yield from _values(f"{path}.{name}", before.get(name, _ABSENT), now.get(name, _ABSENT))
    elif _is_absent(before) and _is_absent(now):
        return
    elif _is_absent(before):
        yield path, f"is new: {_shown(now)}"
    elif _is_absent(now):
        yield path, f"is gone; it was {_shown(before)}"
    elif canonical_json(before) != canonical_json(now):
        yield path, f"{_shown(before)}, now {_shown(now)}"


def _as_mappings(before: Any, now: Any) -> tuple[Any, Any]:
    """Return both values, with an empty mapping for an absent one beside a mapping; a component is shown by its id."""
    if isinstance(before, dict) and (now is None or now is _ABSENT):
        return (before["id"], now) if "id" in before else (before, {})
    if isinstance(now, dict) and (before is None or before is _ABSENT):
        return (before, now["id"]) if "id" in now else ({}, now)
    return before, now


def _is_absent(value: Any) -> bool:
    return value is _ABSENT or value in _NOTHING


def _shown(value: JSONValue) -> str:
    text = one_line(value if isinstance(value, str) else canonical_json(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


# --- datasets


def _datasets(before: Side, now: Side) -> Iterator[Said]:
    ours = {found.dataset_id: no for no, found in enumerate(before.snapshot.datasets)}
    theirs = {found.dataset_id: no for no, found in enumerate(now.snapshot.datasets)}
    for name in {**ours, **theirs}:
        path = f"datasets {name}"
        if name not in theirs:
            yield path, "is gone"
        elif name not in ours:
            yield path, f"is new: {now.snapshot.datasets[theirs[name]].case_count:,} cases"
        else:
            one, other = before.snapshot.datasets[ours[name]], now.snapshot.datasets[theirs[name]]
            yield from _values(f"{path}.revision", one.revision, other.revision)
            yield from _values(f"{path}.metadata", one.metadata, other.metadata)
            if one.content != other.content:
                yield path, _content(one, other, before.digests[ours[name]], now.digests[theirs[name]])
    kept = [name for name in ours if name in theirs]
    if kept != [name for name in theirs if name in ours]:
        yield "datasets", "their order is another one"


def _content(one: SnapshotDataset, other: SnapshotDataset, before: Digests | None, now: Digests | None) -> str:
    """Return how the cases of a dataset differ."""
    if before is None or now is None:
        sizes = f"{one.case_count:,} cases, now {other.case_count:,}"
        return f"its content changed ({sizes}); which cases is not known until all of the stored run's have ended"
    changed = sum(now.get(case_id, digest) != digest for case_id, digest in before.items())
    added = sum(case_id not in before for case_id in now)
    removed = sum(case_id not in now for case_id in before)
    counts = {"changed": changed, "added": added, "removed": removed}
    said = [f"{count:,} {word}" for word, count in counts.items() if count]
    if not said:
        return "its cases are in another order"
    return f"its content changed: of {len(before):,} cases {', '.join(said)}"
