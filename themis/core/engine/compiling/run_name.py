"""Names of runs in a store: the one that was given, else one that is made, which tells a run from those like it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from themis.core.snapshot import RunIdentity, RunSnapshot
from themis.core.stores.protocol import RunStore
from themis.core.text.canonical import canonical_json, content_hash
from themis.core.text.run_names import CONFIG_SUFFIXES, MOST_NAME, Title, usual_name, word

_SHOWN_PARTS = 3
_HASH_DIGITS = 4
_SHOWN_CHARACTERS = 24
_MODEL = ("model_id", "model")
"""Arguments of a generator that say which model it asks."""

_NONE: Mapping[str, str] = MappingProxyType({})
_WORDS = {"generation_prompt_spec": "prompt", "evaluation_prompt_spec": "judge-prompt", "judge_models": "judge"}


def add_run(store: RunStore, snapshot: RunSnapshot, title: Title, known_files: Mapping[str, str] = _NONE) -> bool:
    """Add a run to a store with its name and labels; False when it exists already.

    A run keeps its first name and labels; only one without a name, of an earlier version, gets them later. The store
    keeps what is known of the run's files, see `KnownFiles`.
    """
    store.keep_known_files(known_files)
    record = store.load_run(snapshot.run_id)
    if record is not None and record.name is not None:
        return False
    with store.transaction():
        created = store.create_run(snapshot)
        store.name_run(snapshot.run_id, name_of(store, snapshot, title), title.labels)
    return created


def name_of(store: RunStore, snapshot: RunSnapshot, title: Title) -> str:
    """Return the name that a run has in a store, or would get there."""
    record = store.load_run(snapshot.run_id)
    if record is not None and record.name is not None:
        return record.name
    return title.name or _made_name(store, snapshot, title.part)


def default_name(snapshot: RunSnapshot) -> str:
    """Return the name of a run that was given none, whatever other runs there are."""
    generator = snapshot.identity.generator
    arguments: Any = generator.get("arguments")
    said = arguments if isinstance(arguments, dict) else {}
    model = next((said[key] for key in _MODEL if isinstance(said.get(key), str)), str(generator["id"]))
    return usual_name(model, tuple(dataset.dataset_id for dataset in snapshot.datasets))


def _made_name(store: RunStore, snapshot: RunSnapshot, part: str | None) -> str:
    """Return the default name; if another run has it, with the parts in which this one differs from that."""
    name = named_part(default_name(snapshot), part)
    other = next((run for run in store.runs_named(name, 2) if run.run_id != snapshot.run_id), None)
    stored = None if other is None else store.load_snapshot(other.run_id)
    if stored is None:
        return name
    parts = list(_differences(stored.identity, snapshot.identity))
    shown = parts[:_SHOWN_PARTS]
    if len(parts) > len(shown):
        shown.append(snapshot.run_id[:_HASH_DIGITS])
    return _joined([name, *shown])


def named_part(name: str, part: str | None) -> str:
    """Return the name of a run of a part of the data, from that of the whole run."""
    return name if part is None else _joined([name, part])


def _joined(parts: list[str]) -> str:
    found = ",".join(parts)[:MOST_NAME]
    return f"{found[:-1]}-" if found.endswith(CONFIG_SUFFIXES) else found


def _differences(before: RunIdentity, now: RunIdentity) -> Iterator[str]:
    """Yield what tells one identity from another: `key=value` for short values, else `key=` and four hex digits."""
    ours, theirs = before.model_dump(mode="json"), now.model_dump(mode="json")
    for field_name in {**ours, **theirs}:
        old, new = ours.get(field_name), theirs.get(field_name)
        if canonical_json(old) == canonical_json(new):
            continue
        key = _WORDS.get(field_name, field_name)
        leaves = dict(_leaves(key, old)), dict(_leaves(key, new))
        changed = [path for path in {**leaves[0], **leaves[1]} if leaves[0].get(path) != leaves[1].get(path)]
        short = [_shown(path, leaves[1].get(path)) for path in changed]
        if field_name == "datasets" or len(short) > _SHOWN_PARTS or not all(short):
            yield f"{word(key)}={content_hash(new)[:_HASH_DIGITS]}"
        else:
            yield from filter(None, short)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values in nested mappings; lists count as values, and an empty mapping has none."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(name if name != "id" else path, part)
    else:
        yield path, value


def _shown(key: str, value: Any) -> str | None:
    """Return a part of a name; None for a value that is too long for it, or whose text says nothing to people."""
    if key == "fingerprint":
        return None
    if isinstance(value, list):
        text = "-".join(map(str, value)) if all(isinstance(part, int | str) for part in value) else ""
    else:
        text = "none" if value is None else str(value)
    return f"{word(key)}={word(text)}" if 0 < len(text) <= _SHOWN_CHARACTERS and word(text) == text else None
