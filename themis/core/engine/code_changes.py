"""Code that was edited under the same fingerprint: acted on by `runtime.code_changes`, before results are used."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from themis.core.config import CodeChanges
from themis.core.engine.compiling.edits import edited_parts, shortened
from themis.core.engine.reuse import Lenders
from themis.core.errors import CodeChangedError
from themis.core.identity.reuse_keys import lending_keys, plain_keys, reuse_keys, reuse_place
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.stores.protocol import RunStore

logger = logging.getLogger("themis.engine")

_KEPT = (
    'results from before the edit are kept; set runtime.existing_run_policy to "rerun" to recompute them, or'
    ' runtime.code_changes to "ignore" if they are the same'
)
_NOT_USED = 'results from before the edit are not used; set runtime.code_changes to "ignore" to use them all the same'


@dataclass(frozen=True, slots=True)
class Edit:
    """A component whose source was edited while its identity is the same.

    Attributes:
        component_id: the component.
        where: its path in the configuration.
        parts: the parts of its source that were edited, as text.
    """

    component_id: str
    where: str
    parts: str


def act_on_own_edits(rule: CodeChanges, stored: RunSnapshot, now: RunSnapshot) -> None:
    """Warn about, or refuse, results of a stored run that other code has made than would make them now.

    Raises:
        CodeChangedError: the rule is `refuse`, and a component was edited.
    """
    _act(rule, list(edits_between(stored, now)), now.run_id, _KEPT)


def act_on_edits_elsewhere(rule: CodeChanges, store: RunStore, snapshot: RunSnapshot) -> None:
    """Warn about, or refuse, edits for which results of another run are not used; a run is an example for all.

    Raises:
        CodeChangedError: the rule is `refuse`, and a component was edited.
    """
    for run_id in runs_of_other_code(store, snapshot):
        stored = store.load_snapshot(run_id)
        edits = [] if stored is None else list(edits_between(stored, snapshot))
        if edits:
            _act(rule, edits, run_id, _NOT_USED)
            return


def edits_between(stored: RunSnapshot, now: RunSnapshot) -> Iterator[Edit]:
    """Yield the components of both runs that were edited, and are the same for the rest."""
    before = stored.component_refs.all()
    for where, ref in now.component_refs.all().items():
        of_before = before.get(where)
        if of_before is not None and of_before.identity() == ref.identity():
            edited = edited_parts(of_before, ref)
            if edited:
                yield Edit(ref.component_id, where, shortened(edited))


def _act(rule: CodeChanges, edits: list[Edit], run_id: str, what_follows: str) -> None:
    if edits and rule == "refuse":
        first = edits[0]
        raise CodeChangedError(run=run_id[:16], component=first.component_id, where=first.where, parts=first.parts)
    if rule == "warn":
        for edit in edits:
            logger.warning(
                "run %s: the source of %s (%s) was edited (%s), its fingerprint is the same: %s",
                run_id[:16],
                edit.component_id,
                edit.where,
                edit.parts,
                what_follows,
            )


def runs_of_other_code(store: RunStore, snapshot: RunSnapshot) -> list[str]:
    """Return the runs with results that could be used by all that components say, but not by their code."""
    with_source = {reuse_place(name): key for name, key in reuse_keys(snapshot).items()}
    found: dict[str, None] = {}
    for name, key in plain_keys(snapshot).items():
        stage, item, _ = place = reuse_place(name)
        if stage is Stage.GENERATE and item:
            continue  # all candidates have one generator
        others = store.reusable_runs(key, other_than=snapshot.run_id)
        if others and not store.reusable_runs(with_source[place], other_than=snapshot.run_id):
            found |= dict.fromkeys(run_id for run_id, _ in others)
    return list(found)


def keys_to_lend(store: RunStore, snapshot: RunSnapshot, lenders: Lenders) -> dict[str, str]:
    """Return the keys by which others find a run: not as the work of this code, if it uses results of another one."""
    of_other_code = lenders is Lenders.ANY_CODE and bool(runs_of_other_code(store, snapshot))
    return plain_keys(snapshot) if of_other_code else lending_keys(snapshot)
